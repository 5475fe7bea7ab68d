/* The interpreter for any machine. */
#define NAME actlas_run_generic
#include "body.h"
