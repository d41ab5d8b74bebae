#include "xcctl_audit.h"

#include "xcctl.h"


typedef struct {
    const char  *word;
    int        (*run)(int argc, char **argv);
} xcctl_audit_command_t;

static const xcctl_audit_command_t  xcctl_audit_commands[] = {
    { "verify", xcctl_audit_verify },
    { "prove", xcctl_audit_prove },
    { "check", xcctl_audit_check },
    { "match", xcctl_audit_match },
    { "report", xcctl_audit_report },
    { "prune", xcctl_audit_prune },
};


int
xcctl_audit(int argc, char **argv)
{
    size_t  i;

    if (argc < 2) {
        return xcctl_usage("audit: a command is missing: verify, prove, check,"
                           " match, report or prune");
    }

    for (i = 0; i < XC_COUNT(xcctl_audit_commands); i++) {
        if (strcmp(argv[1], xcctl_audit_commands[i].word) == 0) {
            return xcctl_audit_commands[i].run(argc - 1, argv + 1);
        }
    }

    return xcctl_usage("no command \"audit %s\"", argv[1]);
}
