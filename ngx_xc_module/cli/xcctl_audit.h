/* The commands of the group "audit", each with argv[0] its word. */

#ifndef XCCTL_AUDIT_H
#define XCCTL_AUDIT_H

int xcctl_audit_verify(int argc, char **argv);
int xcctl_audit_prove(int argc, char **argv);
int xcctl_audit_check(int argc, char **argv);
int xcctl_audit_match(int argc, char **argv);
int xcctl_audit_report(int argc, char **argv);
int xcctl_audit_prune(int argc, char **argv);

#endif
