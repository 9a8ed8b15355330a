#!/bin/sh
# Runs a command in a release or layer that is in the file system beside this script, at its own path.
name=@NAME@ prefix=@PREFIX@ file=@FILE@ size=@SIZE@
usage="usage: $0 [--in IMAGE] [--] [COMMAND...]
  COMMAND      default: a shell
  --in IMAGE   in a container image, by apptainer or singularity"
unset CDPATH
die() {
    printf 'error: %s\n' "$1" >&2
    [ -z "$2" ] || printf 'hint: %s\n' "$2" >&2
    exit "${3:-1}"
}
image=
case $1 in
    --help) printf '%s\n' "$usage"; exit 0 ;;
    --in) [ $# -ge 2 ] || die "--in takes an image"; image=$2; shift 2 ;;
esac
[ "$1" != -- ] || shift
case $0 in */*) top=${0%/*}/ ;; *) top=$(dirname "$(command -v "$0")") ;; esac
file=$(cd "$top" && pwd)/$file
[ -r "$file" ] || die "$file: not there; this script belongs to it"
[ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}"

# Apptainer splits what it binds there.
escaped() { printf '%s\n' "$1" | sed 's/[:,]/\\&/g'; }
if [ -n "$image" ]; then
    program=$(command -v apptainer || command -v singularity) ||
        die "neither apptainer nor singularity is there"
    APPTAINERENV_PREPEND_PATH="$prefix/bin" SINGULARITYENV_PREPEND_PATH="$prefix/bin" \
        exec "$program" exec --bind "$(escaped "$file"):$(escaped "$prefix"):image-src=/" \
        "$image" "$@"
fi

if { [ -e "$prefix/.lamina/release.toml" ] || [ -e "$prefix/lamina-layer.toml" ]; } &&
    ! mountpoint -q "$prefix"; then
    # The release or layer itself is there.
    PATH=$prefix/bin:$PATH
    export PATH
    exec "$@"
fi
program=$(command -v squashfuse_ll || command -v squashfuse) ||
    die "there is no program squashfuse" "apt install squashfuse, or $0 --in IMAGE, with apptainer"
unmount=$(command -v fusermount3 || command -v fusermount) ||
    die "there is no program fusermount3" "apt install fuse3"

# Two locks: 9 is shared by all commands that run, 8 is held while one mounts or unmounts. They are
# in one place for all sessions and batch jobs, which no other account can have made or write to.
locks=/tmp/lamina-$(id -u)
mkdir -m 700 "$locks" 2>/dev/null
[ -d "$locks" ] && [ ! -L "$locks" ] && [ -O "$locks" ] ||
    die "$locks: not a directory of yours" "ask whoever made it: ls -ld $locks"
case $(ls -ld "$locks") in
    drwx------*) ;;
    *) die "$locks: others may look into it, or write to it" "chmod 700 $locks" ;;
esac
locks=$locks/$(printf %s "$prefix" | cksum | tr ' ' -)
exec 8>>"$locks.mount" 9>>"$locks.use" || exit 1

made=
take_down() {
    if mountpoint -q "$prefix"; then "$unmount" -u "$prefix" || return 1; fi
    while IFS= read -r one; do
        [ -z "$one" ] || rmdir "$one" 2>/dev/null
    done <"$locks.made"
    : >"$locks.made"
    rm -f "$locks.image"
}
undo() {
    trap - EXIT
    flock -x 8
    # Only the last command that ends gets it.
    if flock -x -n 9; then take_down; fi
}
# Of an image, its superblock: when it was made, and how much is in it.
image_of() { printf '%s\n' "$(dd if="$1" bs=96 count=1 2>/dev/null | cksum) $1"; }
flock -x 8
this=$(image_of "$file")
there=
if mountpoint -q "$prefix" && [ -s "$locks.image" ]; then there=$(cat "$locks.image"); fi
if [ -n "$there" ] && [ "${there%% /*}" != "${this%% /*}" ]; then
    # What a killed script left is of no use to anybody.
    flock -x -n 9 && take_down 2>/dev/null
    ! mountpoint -q "$prefix" ||
        die "$prefix: another image is mounted there, /${there#* /}" \
            "wait until the commands in it have ended, or $0 --in IMAGE, with apptainer"
fi
flock -s 9
if ! mountpoint -q "$prefix"; then
    one=$prefix
    while ! [ -d "$one" ]; do
        made="$made$one
"
        one=$(dirname "$one")
    done
    printf %s "$made" >"$locks.made"
    printf '%s\n' "$this" >"$locks.image"
    mkdir -p "$prefix" 2>/dev/null ||
        die "$prefix cannot be made, where $name has to be" \
            "sudo install -d -o $(id -un) '$prefix', or $0 --in IMAGE, with apptainer"
    trap undo EXIT
    "$program" -o ro "$file" "$prefix" 8>&- 9>&- || {
        found=$(wc -c <"$file")
        [ "$found" -ge "$size" ] ||
            die "$file: cut off: $((found)) bytes of $size" "get it once more" 6
        die "$file cannot be mounted at $prefix"
    }
fi
trap undo EXIT
flock -u 8
# Signals are for the command; what is to be done afterwards is done, once it has ended.
trap : INT
trap 'exit 129' HUP
trap 'exit 143' TERM
PATH=$prefix/bin:$PATH
export PATH
"$@" 8>&- 9>&-
exit $?
