/* What the two files of the Python side share: module.c and tensors.c. */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include "engine.h"

enum { GRAIN = 32768 }; /* elements, up to which one thread runs */

extern const char ACTLAS_PROGRAM[]; /* the name of the capsules that hold programs */
PyObject *actlas_finish(const Job *job, int threads);
long actlas_advise(uintptr_t begin, int64_t size);

PyObject *actlas_know_tensors(PyObject *self, PyObject *args);
PyObject *actlas_serves(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *actlas_value(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *actlas_into(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *actlas_gradients(PyObject *self, PyObject *const *args, Py_ssize_t count);
PyObject *actlas_write(PyObject *self, PyObject *const *args, Py_ssize_t count);
