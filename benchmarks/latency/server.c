/* A read-only view of a directory in which every request waits, as on a file system far away.
 *
 *     server SOURCE MOUNTPOINT MICROSECONDS KEPT COUNTS [LOG]
 *
 * SOURCE and MOUNTPOINT may be the same directory: what is below the mount is opened before.
 * "mounted" is printed when it is; SIGTERM, and the end of whoever started it, unmount.
 * COUNTS is a file of records that is kept up to date: a name of 16 bytes, a number of 8.
 * LOG gets a line a request: its kind and the path in SOURCE.
 *
 * Requests wait beside each other, in as many threads as the kernel sends at once. The kernel
 * keeps what it has been told: for KEPT seconds entries (those that are missing too) and attributes;
 * links, listings and pages as long as it has room. What is not answered here (FLUSH, ACCESS, GETXATTR) libfuse says no to, once; IOCTL,
 * which a real server never hears of, and RELEASE, which nobody waits for, are not delayed.
 */
#define FUSE_USE_VERSION 35
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>
#include <search.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 64, LARGEST_READ = 1 << 20 };

enum kind { LOOKUP, GETATTR, READLINK, OPEN, READ, OPENDIR, READDIR, IOCTL, KINDS };
static const char NAMES[KINDS][16] = {"LOOKUP", "GETATTR", "READLINK", "OPEN",
                                      "READ",   "OPENDIR", "READDIR",  "IOCTL"};
struct counter {
    char name[16];
    _Atomic uint64_t number;
};

static struct counter *counters;
static struct timespec delay;
static double kept; /* seconds that the kernel may keep entries and attributes */
static FILE *log_file;
static int top; /* SOURCE, opened */

/* A path in SOURCE; its address is the number that the kernel knows it by. Never freed. */
struct node {
    char path[1];
};
static struct node *root;
static void *nodes; /* tree of them */
static pthread_mutex_t nodes_lock = PTHREAD_MUTEX_INITIALIZER;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static const char *path_of(fuse_ino_t ino) {
    return ino == FUSE_ROOT_ID ? root->path : ((struct node *)ino)->path;
}

static void arrive(enum kind kind, const char *path, const char *name) {
    atomic_fetch_add_explicit(&counters[kind].number, 1, memory_order_relaxed);
    if (log_file) fprintf(log_file, "%s %s%s%s\n", NAMES[kind], path, *name ? "/" : "", name);
    if (kind != IOCTL && (delay.tv_sec || delay.tv_nsec))
        clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
}

static int compare(const void *one, const void *other) {
    return strcmp(((const struct node *)one)->path, ((const struct node *)other)->path);
}

static struct node *node_of(const char *path) {
    struct node *made = malloc(sizeof *made + strlen(path));
    if (!made) fail("malloc");
    strcpy(made->path, path);
    pthread_mutex_lock(&nodes_lock);
    struct node **found = tsearch(made, &nodes, compare);
    pthread_mutex_unlock(&nodes_lock);
    if (!found) fail("tsearch");
    if (*found != made) free(made);
    return *found;
}

static void on_init(void *data, struct fuse_conn_info *connection) {
    (void)data;
    connection->max_background = THREADS;
    connection->congestion_threshold = THREADS;
    connection->want |= connection->capable & FUSE_CAP_CACHE_SYMLINKS;
}

static void on_lookup(fuse_req_t request, fuse_ino_t parent, const char *name) {
    const char *above = path_of(parent);
    char path[8192];
    struct fuse_entry_param entry = {.attr_timeout = kept, .entry_timeout = kept};
    arrive(LOOKUP, above, name);
    if (snprintf(path, sizeof path, "%s/%s", above, name) >= (int)sizeof path) {
        fuse_reply_err(request, ENAMETOOLONG);
        return;
    }
    if (fstatat(top, path, &entry.attr, AT_SYMLINK_NOFOLLOW) == 0)
        entry.ino = (fuse_ino_t)node_of(path);
    else if (errno != ENOENT) {
        fuse_reply_err(request, errno);
        return;
    }
    fuse_reply_entry(request, &entry); /* a number of 0: missing, to be remembered as well */
}

static void on_getattr(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)file;
    struct stat status;
    arrive(GETATTR, path_of(ino), "");
    if (fstatat(top, path_of(ino), &status, AT_SYMLINK_NOFOLLOW) == 0)
        fuse_reply_attr(request, &status, kept);
    else
        fuse_reply_err(request, errno);
}

static void on_readlink(fuse_req_t request, fuse_ino_t ino) {
    char target[4097];
    arrive(READLINK, path_of(ino), "");
    ssize_t length = readlinkat(top, path_of(ino), target, sizeof target - 1);
    if (length < 0) {
        fuse_reply_err(request, errno);
        return;
    }
    target[length] = 0;
    fuse_reply_readlink(request, target);
}

static void on_open(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    arrive(OPEN, path_of(ino), "");
    int opened = (file->flags & O_ACCMODE) == O_RDONLY
                     ? openat(top, path_of(ino), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
                     : (errno = EROFS, -1);
    if (opened < 0) {
        fuse_reply_err(request, errno);
        return;
    }
    file->fh = (uint64_t)opened;
    file->keep_cache = 1;
    fuse_reply_open(request, file);
}

static void on_read(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
                    struct fuse_file_info *file) {
    static _Thread_local char buffer[LARGEST_READ];
    arrive(READ, path_of(ino), "");
    ssize_t got = pread((int)file->fh, buffer, size < sizeof buffer ? size : sizeof buffer, offset);
    if (got < 0)
        fuse_reply_err(request, errno);
    else
        fuse_reply_buf(request, buffer, (size_t)got);
}

static void on_release(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    close((int)file->fh);
    fuse_reply_err(request, 0);
}

static void on_ioctl(fuse_req_t request, fuse_ino_t ino, unsigned int command, void *argument,
                     struct fuse_file_info *file, unsigned flags, const void *in, size_t in_size,
                     size_t out_size) {
    (void)command, (void)argument, (void)file, (void)flags, (void)in, (void)in_size;
    (void)out_size;
    arrive(IOCTL, path_of(ino), "");
    fuse_reply_err(request, ENOTTY);
}

static void on_opendir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    arrive(OPENDIR, path_of(ino), "");
    int opened = openat(top, path_of(ino), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = opened < 0 ? NULL : fdopendir(opened);
    if (!listing) {
        fuse_reply_err(request, errno);
        return;
    }
    file->fh = (uint64_t)(uintptr_t)listing;
    file->keep_cache = file->cache_readdir = 1;
    fuse_reply_open(request, file);
}

static void on_readdir(fuse_req_t request, fuse_ino_t ino, size_t size, off_t offset,
                       struct fuse_file_info *file) {
    DIR *listing = (DIR *)(uintptr_t)file->fh;
    char *buffer = malloc(size);
    size_t used = 0;
    if (!buffer) fail("malloc");
    arrive(READDIR, path_of(ino), "");
    seekdir(listing, offset);
    for (struct dirent *entry; (entry = readdir(listing));) {
        struct stat status = {.st_ino = entry->d_ino, .st_mode = DTTOIF(entry->d_type)};
        size_t needed = fuse_add_direntry(request, buffer + used, size - used, entry->d_name,
                                          &status, entry->d_off);
        if (needed > size - used) break;
        used += needed;
    }
    fuse_reply_buf(request, buffer, used);
    free(buffer);
}

static void on_releasedir(fuse_req_t request, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    closedir((DIR *)(uintptr_t)file->fh);
    fuse_reply_err(request, 0);
}

static const struct fuse_lowlevel_ops OPERATIONS = {
    .init = on_init,       .lookup = on_lookup,   .getattr = on_getattr,
    .readlink = on_readlink, .open = on_open,     .read = on_read,
    .release = on_release, .ioctl = on_ioctl,     .opendir = on_opendir,
    .readdir = on_readdir, .releasedir = on_releasedir,
};

static void *serve(void *session) {
    struct fuse_buf buffer = {0};
    while (!fuse_session_exited(session)) {
        int got = fuse_session_receive_buf(session, &buffer);
        if (got == -EINTR || got == -EAGAIN) continue;
        if (got <= 0) break;
        fuse_session_process_buf(session, &buffer);
    }
    kill(getpid(), SIGTERM);
    return NULL;
}

static void prepare(char **words) {
    long microseconds = strtol(words[3], NULL, 10);
    delay.tv_sec = microseconds / 1000000;
    delay.tv_nsec = microseconds % 1000000 * 1000;
    if ((top = open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) fail(words[1]);
    kept = strtod(words[4], NULL);
    int file = open(words[5], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0 || ftruncate(file, KINDS * sizeof *counters) < 0) fail(words[5]);
    counters = mmap(NULL, KINDS * sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counters == MAP_FAILED) fail(words[5]);
    for (int kind = 0; kind < KINDS; kind++)
        memcpy(counters[kind].name, NAMES[kind], sizeof NAMES[kind]);
    if (words[6] && !(log_file = fopen(words[6], "w"))) fail(words[6]);
    root = node_of(".");
}

int main(int count, char **words) {
    if (count < 6 || count > 7) {
        fprintf(stderr, "usage: server SOURCE MOUNTPOINT MICROSECONDS KEPT COUNTS [LOG]\n");
        return 2;
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* mapped libraries stay open */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_TIMERSLACK, 1); /* else 50 microseconds are added to every delay */
    prepare(words);
    char *given[] = {"latency", "-o", "ro,fsname=latency,subtype=latency", NULL};
    struct fuse_args arguments = FUSE_ARGS_INIT(3, given);
    struct fuse_session *session =
        fuse_session_new(&arguments, &OPERATIONS, sizeof OPERATIONS, NULL);
    if (!session || fuse_session_mount(session, words[2]) != 0) return 1;
    for (int thread = 0; thread < THREADS; thread++) {
        pthread_t started;
        if (pthread_create(&started, NULL, serve, session)) fail("pthread_create");
    }
    puts("mounted");
    fflush(stdout);
    int signal;
    sigwait(&ends, &signal);
    /* Threads still wait on what is closed now, and libfuse complains of it. */
    if (!freopen("/dev/null", "w", stderr)) return 1;
    fuse_session_unmount(session);
    if (log_file) fflush(log_file);
    return 0;
}
