/*
 * Small files that configuration names: policies, keys, secrets.  For load
 * time and the tool, never for the request path: the calls block.
 */

#ifndef XC_FILES_H
#define XC_FILES_H

#include "xc_policy.h"

#include <sys/types.h>

#define XC_FILES_MAX    (64 * 1024 * 1024)      /* bytes of one file */

/*
 * The whole content of a regular file.  path: as written in the configuration,
 * relative to dir (empty: to the working directory) unless it begins with "/".
 * secret: refuse what others can read, write or execute (mode & 0007).
 *
 * XC_OK: *content lies in the arena, with a NUL behind it that its length does
 * not count.  XC_EIO: *error (in the arena or static) names the file and says
 * why.  XC_ENOMEM.
 */
xc_rc_t xc_file_read(xc_arena_t *arena, xc_str_t dir, xc_str_t path,
    bool secret, xc_str_t *content, const char **error) XC_WUR;

/* The folder part of a path: "" for "policy.json", "/" for "/policy.json".
 * Borrowed from path. */
xc_str_t xc_file_dir(xc_str_t path);

/* What xc_policy_load() reads with: files of the folder *dir, which stays the
 * caller's and must outlive the load. */
xc_policy_files_t xc_files_of(xc_str_t *dir);

/*
 * Three calls for a process with more rights than the owner of the directory
 * that it works in.
 *
 * xc_folder_make() makes a directory, 0750, and gives it to uid and gid,
 * (uid_t) -1 for the process's; what stands there, of whatever kind, stays as
 * it is, its owner too.  xc_folder_open() opens one, the caller's to close; a
 * symbolic link is none (ENOTDIR).  XC_EIO: errno.
 */
xc_rc_t xc_folder_make(const char *path, uid_t uid, gid_t gid) XC_WUR;
xc_rc_t xc_folder_open(const char *path, int *fd) XC_WUR;

/*
 * Writes a file of the directory dir_fd that is never changed afterwards, named
 * by its content's hash: where a regular file of the name stands nothing is
 * done; a symbolic link is replaced.  A temporary file, fsync, rename, 0640;
 * owner uid and gid, (uid_t) -1 for the process's.  XC_EIO: errno.
 * XC_ELIMIT: the name is too long.
 */
xc_rc_t xc_file_keep(int dir_fd, const char *name, xc_str_t content,
    uid_t uid, gid_t gid) XC_WUR;

#endif
