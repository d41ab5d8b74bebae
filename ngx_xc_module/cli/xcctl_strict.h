/* verify --strict: a record's members one by one, each of its type and form,
 * no name twice at any depth. */

#ifndef XCCTL_STRICT_H
#define XCCTL_STRICT_H

#include "xcctl_record.h"

/* False: error, of room size, says what is wrong with it. */
bool xcctl_strict(xcctl_record_t *record, char *error, size_t size) XC_WUR;

#endif
