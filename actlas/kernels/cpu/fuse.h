/* Runs of steps as one loop of machine code, see fuse.c. */
#include "engine.h"

/* `has` says for each of the FUSED_SETS whether this processor runs it. */
void actlas_fuse(Program *program, const int *has);
void actlas_unfuse(Program *program);

/* Whether programs made from now on are fused: it is allowed, and the system gives memory for code. */
int actlas_fuses(void);
int actlas_allow_fusing(int is_allowed);
