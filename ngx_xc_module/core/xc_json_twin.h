/* Members whose names another reader may take for one. */

#ifndef XC_JSON_TWIN_H
#define XC_JSON_TWIN_H

#include "xc_json.h"

/*
 * Looks for two members of one object, at any depth, whose names are equal
 * after ASCII case folding and removal of "_" and "-": other JSON readers may
 * take one for the other.  *twin is the second name.  XC_OK: none; XC_DENIED:
 * found; XC_ENOMEM.  O(n log n) in the members of one object.
 */
xc_rc_t xc_json_find_twin(xc_arena_t *arena, const xc_json_t *root,
    xc_str_t *twin) XC_WUR;

#endif
