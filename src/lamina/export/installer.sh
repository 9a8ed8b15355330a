# --- how it is done
set -u
[ -z "${ZSH_VERSION-}" ] || emulate sh
umask 022
IFS=' 	
'
PATH=${PATH:-/usr/bin:/bin}
LC_ALL=C
export PATH LC_ALL
unset CDPATH GZIP TAR_OPTIONS POSIXLY_CORRECT LD_LIBRARY_PATH LD_PRELOAD \
    DYLD_LIBRARY_PATH DYLD_FALLBACK_LIBRARY_PATH DYLD_INSERT_LIBRARIES \
    DYLD_FRAMEWORK_PATH PYTHONPATH PYTHONHOME PYTHONSTARTUP

block=65536
case $kind in
layer) what='installed layer' record=.lamina/installed.toml ;;
*) what=release record=.lamina/release.toml ;;
esac
batch='' prefix='' force='' update='' skip='' test='' action=install top=''
parent='' made='' locked='' lock='' stages='' stage='' before='' replaced='' links='' ended=''
here=$(uname -n)

usage() {
    printf '%s\n' "Installs $name $version for $platform: sh ${0##*/} [OPTION]..." \
        '  -b            ask nothing' \
        "  -p PREFIX     the directory to install into [default: $name-$version, here]" \
        "  -f            replace the $what of lamina that is there" \
        "  -u            update the $name that is there" \
        '  -s            do not run the hook that comes with it' \
        '  -t            run its tests, also where it is there already; install nothing that fails' \
        '  -h            say this' \
        '  --check       compare every part with its digest, and install nothing' \
        '  --upgrade DIR install into DIR/versions/VERSION, and let the link DIR/pro name that' \
        '                and DIR/old what DIR/pro named before' \
        '  --rollback DIR let DIR/pro and DIR/old change places' \
        '  --version     say what it installs'
}

fail() {
    code=$1
    printf 'error: %s\n' "$2" >&2
    shift 2
    for hint in "$@"; do
        printf 'hint: %s\n' "$hint" >&2
    done
    exit "$code"
}

read_options() {
    while [ $# -gt 0 ]; do
        case $1 in
        -b) batch=yes ;;
        -f) force=yes ;;
        -u) update=yes ;;
        -s) skip=yes ;;
        -t) test=yes ;;
        -h | --help) action=usage ;;
        -p) [ $# -gt 1 ] && [ -n "$2" ] || fail 2 "-p needs a directory"
            prefix=$2
            shift ;;
        -p?*) prefix=${1#-p} ;;
        -[bfusth]?*)
            rest=${1#-?}
            first=${1%"$rest"}
            shift
            set -- "$first" "-$rest" "$@"
            continue ;;
        --check) action=check ;;
        --version) action=version ;;
        --upgrade | --rollback)
            [ $# -gt 1 ] && [ -n "$2" ] || fail 2 "$1 needs a directory"
            action=${1#--}
            top=$2
            shift ;;
        *) fail 2 "$1: no such option" "sh $0 -h" ;;
        esac
        shift
    done
    if [ "$action" = upgrade ] && [ -n "$prefix$update" ]; then
        fail 2 "--upgrade says where to install: it goes with neither -p nor -u"
    fi
}

find_self() {
    self=$(absolute "$0")
    if ! [ -f "$self" ] || ! head_of_self | grep "^payload_digest=$payload_digest\$" >/dev/null
    then
        fail 2 "an installer is started from its file, not through a pipe nor by another script" \
            "save it, then: sh FILE"
    fi
}

head_of_self() { dd if="$self" bs=$block count=1 2>/dev/null; }

check_tools() {
    for tool in tar gzip dd sed grep wc df ls ln mv rm rmdir mkdir chmod readlink sleep uname; do
        command -v "$tool" >/dev/null 2>&1 || fail 1 "$tool: no such program, and it is needed"
    done
    for hasher in sha256sum shasum openssl ''; do
        if command -v "$hasher" >/dev/null 2>&1; then break; fi
    done
    [ -n "$hasher" ] || fail 1 "none of sha256sum, shasum and openssl is there"
}

sha256() {
    case $hasher in
    sha256sum) sha256sum ;;
    shasum) shasum -a 256 ;;
    *) openssl dgst -sha256 -r ;;
    esac | {
        read -r digest _
        printf '%s' "$digest"
    }
}

check_size() {
    size=$(($(wc -c <"$self")))
    whole=$((block + payload_size))
    again="get it once more, and compare its digest with the sender's"
    set -f
    # shellcheck disable=SC2086
    set -- $parts
    set +f
    count=$#
    if [ "$size" -lt "$whole" ]; then
        cut=$(((size - block) / part_size + 1))
        fail 6 "$self: cut off in part $cut of $count: $size of $whole bytes" "$again"
    elif [ "$size" -gt "$whole" ]; then
        fail 6 "$self: altered: $((size - whole)) bytes after its last part" "$again"
    fi
    if [ "$(head_of_self | sed '/^header_digest=/d' | sha256)" != "$header_digest" ]; then
        fail 6 "$self: altered: its first part, the script" "$again"
    fi
}

check_parts() {
    number=0
    blocks=$((part_size / block))
    for expected in $parts; do
        first=$((1 + number * blocks))
        number=$((number + 1))
        found=$(dd if="$self" bs=$block skip=$first count=$blocks 2>/dev/null | sha256)
        if [ "$found" != "$expected" ]; then
            fail 6 "$self: part $number of $count is altered (from byte $((first * block)))" "$again"
        fi
    done
}

check_processor() {
    [ -n "$needed_features" ] && [ -r /proc/cpuinfo ] || return 0
    # Of the first processor; a system that names none is taken at its word.
    there=$(sed -n -e '/^flags[^:]*:/bfound' -e '/^Features[^:]*:/bfound' -e d \
        -e ':found' -e 's/[^:]*://' -e p -e q /proc/cpuinfo)
    [ -n "$there" ] || return 0
    for feature in $needed_features; do
        case " $there " in
        *" $feature "*) ;;
        *) fail 2 "$name $version is compiled for $micro_architecture, and the processor of \
this machine lacks $feature" ;;
        esac
    done
}

check_machine() {
    machine="$(uname -s) $(uname -m)"
    if [ "$machine" != "$system" ]; then
        fail 2 "$name $version is for $platform ($system), and this machine is $machine"
    fi
    check_processor
    [ -n "$glibc" ] || return 0
    there=$(getconf GNU_LIBC_VERSION 2>/dev/null)
    there=${there#glibc }
    [ -n "$there" ] || there=$(ldd --version 2>&1)
    case $there in
    *musl*) fail 2 "$name $version needs glibc $glibc, and this machine has musl" ;;
    esac
    there=$(printf '%s\n' "$there" | sed -n '1s/.*\([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p')
    # A system that does not tell is asked by starting the program.
    case $there in
    2.*) [ "${there#2.}" -ge "${glibc#2.}" ] ||
        fail 2 "$name $version needs glibc $glibc, and this machine has $there" ;;
    esac
}

ask() {
    [ "$action" = install ] && [ -z "$batch$prefix" ] || return 0
    [ -t 0 ] || fail 2 "there is nobody to ask where it is to be" "sh $0 -b -p PREFIX"
    printf '%s %s for %s, %s MB on disk\ninto [%s]: ' "$name" "$version" "$platform" \
        "$((disk_kilobytes / 1024))" "$PWD/$name-$version"
    read -r prefix || exit 2
}

# Without dots and slashes that mean nothing.
absolute() {
    case $1 in
    /*) place=$1 ;;
    *) place=$PWD/$1 ;;
    esac
    while :; do
        case $place in
        */./*) place=${place%%/./*}/${place#*/./} ;;
        *//*) place=${place%%//*}/${place#*//} ;;
        */.) place=${place%.} ;;
        ?*/) place=${place%/} ;;
        *) break ;;
        esac
    done
    printf '%s' "$place"
}

choose_prefix() {
    if [ "$action" = upgrade ]; then
        top=$(absolute "$top")
        for link in pro old; do
            if [ -e "$top/$link" ] && ! [ -L "$top/$link" ]; then
                fail 7 "$top/$link: there, and no link" "choose another directory"
            fi
        done
        prefix=$top/versions/$version
    fi
    prefix=$(absolute "${prefix:-$name-$version}")
    if [ -d "$prefix" ] && ! [ -L "$prefix" ]; then
        prefix=$(cd "$prefix" && pwd)
    fi
    while [ "${prefix%/}" != "$prefix" ]; do prefix=${prefix%/}; done
    case ${prefix##*/} in
    '' | . | ..) fail 2 "${prefix:-/}: not a directory that can be made" ;;
    esac
}

check_prefix() {
    case $prefix in
    *[\'\"\\\$\`:\;]* | *[[:cntrl:]]*)
        fail 2 "$prefix: a path with quotes, \$, \\, colons or the like cannot be a prefix" ;;
    esac
    if [ "$longest_prefix" -gt 0 ] && [ "${#prefix}" -gt "$longest_prefix" ]; then
        fail 2 "$prefix: has ${#prefix} bytes, and there is room for $longest_prefix in the programs" \
            "choose a shorter -p"
    fi
}

open_parent() {
    parent=${prefix%/*}
    there=${parent:-/}
    while ! [ -e "$there" ]; do
        there=${there%/*}
        there=${there:-/}
    done
    [ -d "$there" ] || fail 7 "$there: not a directory"
    if ! [ -w "$there" ]; then
        fail 1 "$there: cannot be written to" "choose another directory with -p"
    fi
    made=$(cd "$there" && pwd)
    mkdir -p "${parent:-/}" || fail 1 "$parent: cannot be made"
    parent=$(cd "${parent:-/}" && pwd)
    prefix=${parent%/}/${prefix##*/}
    check_prefix
}

check_space() {
    free=$(df -Pk "$parent" 2>/dev/null |
        sed -n '2s/.* \([0-9][0-9]*\)  *[0-9][0-9]*%.*/\1/p')
    if [ -n "$free" ] && [ "$free" -lt "$disk_kilobytes" ]; then
        fail 1 "$parent: $name $version needs $((disk_kilobytes / 1024)) MB, and $((free / 1024)) MB are free" \
            "free space on that file system, or choose another directory"
    fi
}

# Makes the link $1, which says who is at work on $2; waits $3 seconds for another one to end.
# What a dead owner left is removed by whoever has made the link $1~ in the same way, so that nobody
# removes the link that another one has just made.
seize() {
    tries=0
    until ln -s "$here:$$" "$1" 2>/dev/null; do
        if is_at_work "$1"; then
            [ "$3" -gt "$tries" ] || fail 7 \
                "$2: another installer is at work, process $process on ${other%:*}" \
                "if it is not: rm '$1'"
            sleep 1
        elif [ -n "$other" ]; then
            seize "$1~" "$2" "$3"
            # Read again: it may have ended well between, and another one have begun.
            if is_at_work "$1" || [ "$(readlink "$1")" != "$other" ] || rm -f "$1"; then
                rm -f "$1~"
            else
                rm -f "$1~"
                fail 1 "$1: cannot be removed"
            fi
            tries=0
        elif ! mkdir -p "${1%/*}/" 2>/dev/null || ! [ -w "${1%/*}/" ] || [ "$tries" -gt 99 ]; then
            fail 1 "${1%/*}: cannot be written to"
        fi
        tries=$((tries + 1))
    done
}

# Tells whether the owner of a link is alive, who is $other and $process then.
is_at_work() {
    other=$(readlink "$1") || other=''
    process=${other##*:}
    [ -n "$other" ] || return 1
    [ "${other%:*}" = "$here" ] || return 0
    # A dead one of which nobody has taken note yet (Z) does nothing any more.
    case $(sed -n 's/^State:[^A-Z]*//p' "/proc/$process/status" 2>/dev/null) in
    Z*) return 1 ;;
    ?*) return 0 ;;
    esac
    kill -0 "$process" 2>/dev/null
}

claim() {
    lock=${parent%/}/.${prefix##*/}.lamina-lock
    stages=${parent%/}/.${prefix##*/}.lamina-stage
    before=${parent%/}/.${prefix##*/}.lamina-before
    seize "$lock" "$prefix" 0
    locked=yes
    sweep
    check_space
    make_stage
    settle
}

# Each run has a stage of its own: what a killed one started may go on writing into its own.
make_stage() {
    stage=$stages-$$
    until mkdir "$stage" 2>/dev/null; do
        if ! [ -e "$stage" ] || [ "${#stage}" -gt $((${#stages} + 20)) ]; then
            mkdir "$stage" || fail 1 "$stage: cannot be made"
            return
        fi
        stage=$stage-
    done
}

# Takes away the stages of this run and of killed ones: whoever has the lock owns them all.
sweep() {
    left=''
    for one in "$stages"*; do
        [ -d "$one" ] || continue
        rm -rf "$one" 2>/dev/null
        [ ! -d "$one" ] || left=$one
    done
}

# shellcheck disable=SC2329  # by what is trapped
sweep_up() {
    sweep
    for second in 1 1 1; do
        [ -n "$left" ] || return 0
        sleep "$second"
        sweep
    done
    [ -z "$left" ] || printf '%s\n' \
        "note: $left: cannot be removed: does what a killed installer started write there?" \
        "hint: in a moment: rm -rf '$left'" >&2
}

catch() {
    trap leave EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 141' PIPE
    trap 'exit 143' TERM
}

# Takes back what was put in place and not finished, by this run or by one that was killed.
settle() {
    if [ -e "$prefix/.lamina/unfinished" ]; then
        mv "$prefix" "$stage/failed" 2>/dev/null || rm -rf "$prefix"
    fi
    if ! [ -e "$prefix" ] && [ -d "$before" ]; then
        mv "$before" "$prefix"
    fi
    rm -rf "$before"
}

# shellcheck disable=SC2329  # trapped
leave() {
    code=$?
    trap - EXIT
    trap '' HUP INT PIPE TERM
    if [ -n "$locked" ]; then
        settle
        sweep_up
        rm -f "$lock"
    fi
    [ -z "$links" ] || rm -f "$links"
    if [ -n "$made" ]; then
        while [ "$parent" != "$made" ] && rmdir "$parent" 2>/dev/null; do parent=${parent%/*}; done
    fi
    exit "$code"
}

told() { sed -n "1,/^\\[/s/^$1 = \"\\(.*\\)\"\$/\\1/p" "$2/$record" | sed -n 1p; }

lock_of_layer() {
    [ ! -f "$prefix/lamina-layer.lock" ] || sha256 <"$prefix/lamina-layer.lock"
}

# Returns 1 where what is to be installed is there.
check_target() {
    [ ! -L "$prefix" ] || fail 7 "$prefix: a link" "name the directory itself"
    if ! [ -e "$prefix" ] || { [ -d "$prefix" ] && [ -z "$(ls -A "$prefix")" ]; }; then
        [ -z "$update" ] || fail 2 "$prefix: there is nothing to update" "without -u it is installed"
        return 0
    fi
    [ -d "$prefix" ] || fail 7 "$prefix: there, and not a directory"
    if ! [ -f "$prefix/$record" ]; then
        fail 7 "$prefix: there, and no $what of lamina" "choose another directory"
    fi
    old_name=$(told "$kind" "$prefix")
    old_version=$(told version "$prefix")
    if [ -n "$update" ] && [ "$old_name" != "$name" ]; then
        fail 7 "$prefix: this is $old_name, and not $name" "choose another directory"
    fi
    replaced=yes
    [ -z "$force" ] || return 0
    if [ "$old_name $old_version" = "$name $version" ]; then
        [ "$update$action" != install ] ||
            fail 7 "$prefix: $old_name $old_version is there already" "-f replaces it"
    elif [ -z "$update" ]; then
        fail 7 "$prefix: $old_name $old_version is there already" "-u updates it" "-f replaces it"
    fi
    if [ "$kind" = layer ] && [ "$(told lock "$prefix")" != "$(lock_of_layer)" ]; then
        fail 7 "$prefix: its packages were changed since it was installed" \
            "lamina layer lock '$prefix' writes down what it has now" \
            "-f replaces it with all that was added"
    fi
    [ "$old_name $old_version" != "$name $version" ]
}

check_exec() {
    printf '#!/bin/sh\n' >"$stage/program" && chmod 755 "$stage/program"
    if ! [ -x "$stage/program" ]; then
        fail 2 "$parent: programs cannot be started there (a file system without exec)" \
            "choose another directory with -p"
    fi
}

# Both end when this shell was killed, and with them what is between them in the pipe.
feed() {
    number=0
    while [ "$number" -lt "$count" ] && kill -0 $$ 2>/dev/null; do
        dd if="$self" bs=$block skip=$((1 + number * blocks)) count=$blocks 2>/dev/null || return
        number=$((number + 1))
    done
}

pass_on() {
    while IFS= read -r line && kill -0 $$ 2>/dev/null; do printf '%s\n' "$line" >&2; done
}

unpack() {
    tree=$stage/tree
    mkdir "$tree"
    printf '%s\n' "unpacking $files files into $prefix"
    (
        # The marks are named from within: none can land in a stage that is made later.
        cd "$stage" || exit 1
        {
            { feed | gzip -dc && : >whole; } | tar -xof - -C tree && : >unpacked
        } 2>&1 | pass_on
    )
    if ! [ -e "$stage/whole" ] || ! [ -e "$stage/unpacked" ] ||
        ! [ -f "$tree/.lamina/prefixes.json" ]; then
        fail 1 "$stage: not unpacked: tar says above why" "is there space: df '$parent'"
    fi
    [ "$(told version "$tree")" = "$version" ] || rename_release
    sh "$tree/bin/lamina-unpack" --prefix "$prefix" >/dev/null ||
        fail $? "$prefix: nothing was installed"
}

rename_release() {
    manifest=$tree/$record
    line="version = \"$version\""
    [ "$version" = "$tested_version" ] || line="$line\\
tested-as = \"$tested_version\""
    if ! sed -e '1,/^\[/{
/^tested-as = /d
}' -e "1,/^version = /s/^version = .*/$line/" "$manifest" >"$stage/release.toml" ||
        ! chmod 444 "$stage/release.toml" || ! mv -f "$stage/release.toml" "$manifest"; then
        fail 1 "$manifest: cannot be written"
    fi
    rm -f "$manifest.sig"
}

put_in_place() {
    : >"$tree/.lamina/unfinished"
    if [ -n "$replaced" ]; then
        mv "$prefix" "$before" || fail 1 "$prefix: cannot be renamed"
    elif [ -d "$prefix" ]; then
        rmdir "$prefix" 2>/dev/null ||
            fail 1 "$prefix: cannot be replaced: a mount point?" "name a directory in it"
    fi
    mv "$tree" "$prefix" || fail 1 "$prefix: cannot be put in place"
    "$prefix/bin/python" -I -B -c '' </dev/null || fail 1 "$prefix: its Python does not start"
}

run_hook() {
    [ -n "$hook" ] && [ -z "$skip" ] || return 0
    printf '%s\n' 'running its hook'
    (
        cd "$prefix" || exit 1
        PREFIX=$prefix INSTALLER_NAME=$name INSTALLER_VER=$version INSTALLER_PLAT=$platform
        INSTALLER_TYPE=SH
        export PREFIX INSTALLER_NAME INSTALLER_VER INSTALLER_PLAT INSTALLER_TYPE
        exec "$prefix/$hook"
    ) </dev/null || fail 5 "its hook failed (exit code $?): nothing was installed" \
        "-s installs without it"
}

run_tests() {
    [ -n "$test" ] || return 0
    if [ -z "$tests" ] || ! [ -f "$prefix/$tests" ]; then
        printf '%s\n' 'it has no tests'
        return 0
    fi
    printf '%s\n' 'running its tests'
    mkdir "$stage/home"
    (
        cd "$stage/home" || exit 1
        PREFIX=$prefix PATH=$prefix/bin:$PATH HOME=$stage/home TMPDIR=$stage/home
        PYTHONDONTWRITEBYTECODE=1
        export PREFIX PATH HOME TMPDIR PYTHONDONTWRITEBYTECODE
        exec sh "$prefix/$tests"
    ) </dev/null || fail 5 "its tests failed: $1"
}

# In one step: mv(1) would move into the directory that a link names.
point() {
    "$3/bin/python" -I -S -B -c 'import os, sys
link, target = sys.argv[1:]
new = link + ".lamina-new"
if os.path.lexists(new):
    os.unlink(new)
os.symlink(target, new)
os.replace(new, link)' "$1" "$2" || fail 1 "$1: cannot be changed"
}

# Both links belong together, and every upgrade and way back changes both.
claim_links() {
    back=$top/.links.lamina-back
    seize "$top/.links.lamina-lock" "$top" 60
    links=$top/.links.lamina-lock
    # A way back that was killed between both links goes on; before the first, it never began.
    left_at=$(readlink "$back")
    if [ -n "$left_at" ] && [ "$(readlink "$top/pro")" != "$left_at" ]; then
        point "$top/old" "$left_at" "$top/pro"
        ended=yes
    fi
    [ -z "$left_at" ] || rm -f "$back"
}

change_links() {
    claim_links
    now=$(readlink "$top/pro")
    if [ "$now" != "versions/$version" ]; then
        [ -z "$now" ] || point "$top/old" "$now" "$prefix"
        point "$top/pro" "versions/$version" "$prefix"
    fi
    printf '%s\n' "$top/pro is versions/$version, and was ${now:-not there}"
}

roll_back() {
    top=$(absolute "$top")
    catch
    [ ! -d "$top" ] || claim_links
    now=$(readlink "$top/pro")
    then=$(readlink "$top/old")
    if [ -z "$now" ] || [ -z "$then" ] || ! [ -d "$top/old/." ]; then
        fail 7 "$top: there is nothing to go back to" "ls -l '$top' '$top/versions'"
    fi
    if [ -n "$ended" ]; then
        printf '%s\n' "$top/pro is $now, and was $then: one that was killed is ended"
        return
    fi
    ln -s "$now" "$back" || fail 1 "$top: cannot be written to"
    point "$top/pro" "$then" "$top/old"
    point "$top/old" "$now" "$top/pro"
    rm -f "$back"
    printf '%s\n' "$top/pro is $then, and was $now"
}

install() {
    choose_prefix
    check_prefix
    catch
    open_parent
    claim
    if check_target; then
        check_exec
        check_parts
        unpack
        put_in_place
        run_hook
        run_tests 'nothing was installed'
        rm "$prefix/.lamina/unfinished" || fail 1 "$prefix: cannot be finished"
        made=''
        rm -rf "$before"
        printf '%s\n' "$name $version is in $prefix"
    else
        printf '%s\n' "$prefix: $name $version is there already"
        run_tests 'nothing was changed'
    fi
    used=$prefix
    if [ "$action" = upgrade ]; then
        change_links
        used=$top/pro
    fi
    [ -z "$environment_file" ] || printf '%s\n' "to use it: . '$used/$environment_file'"
}

main() {
    read_options "$@"
    case $action in
    usage) usage ;;
    version)
        [ "$version" = "$tested_version" ] || version="$version (tested as $tested_version)"
        printf '%s\n' "$name $version for $platform" ;;
    rollback) roll_back ;;
    *)
        check_tools
        find_self
        if [ "$action" = check ]; then
            check_size
            check_parts
            printf '%s\n' "$self: $name $version, $count parts, all as they were written"
            return
        fi
        check_machine
        ask
        check_size
        install ;;
    esac
}

main "$@"
exit
