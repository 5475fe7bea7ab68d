/* The short way of plain tensors: asked in C what Python would ask, since small tensors feel every
   step of it, and large ones too, whose memory has driven the interpreter out of the cache. What to
   ask is told by know_tensors; an answer must be the very object that is wanted. No torch headers. */
#include "module.h"

enum { MOST_FACTS = 8 };

typedef struct {
  int count;
  PyObject *asked[MOST_FACTS], *wanted[MOST_FACTS];
} Facts;

static PyObject *types, *dtypes; /* tuples: the number of a dtype is that of its place */
static PyObject *empty_like, *address_of, *count_of, *threads_of, *dtype_name, *shape_name, *learns_name;
static Facts attributes, answers, quiet;
static Py_ssize_t large; /* elements, from which a fresh buffer is worth large pages */

static int read_facts(PyObject *pairs, Facts *facts) {
  facts->count = 0;
  const Py_ssize_t count = PyTuple_Size(pairs);
  if (count < 0 || count > MOST_FACTS) return 0;
  for (Py_ssize_t k = 0; k < count; k++) {
    PyObject *asked, *wanted;
    if (!PyArg_ParseTuple(PyTuple_GetItem(pairs, k), "OO", &asked, &wanted)) return 0;
    facts->asked[k] = asked, facts->wanted[k] = wanted;
  }
  facts->count = (int)count;
  return 1;
}

/* know_tensors(types, dtypes, attributes, answers, quiet, (empty_like, data_ptr, numel, threads),
   large): attributes are pairs of a name and its value; answers and quiet of a function, of the
   tensor or of nothing, and its result. Kept for good: the module lives as long as Python. */
PyObject *actlas_know_tensors(PyObject *self, PyObject *args) {
  PyObject *attribute, *answer, *calm;
  if (!PyArg_ParseTuple(args, "OOOOO(OOOO)n", &types, &dtypes, &attribute, &answer, &calm,
                        &empty_like, &address_of, &count_of, &threads_of, &large) ||
      !read_facts(attribute, &attributes) || !read_facts(answer, &answers) ||
      !read_facts(calm, &quiet)) {
    types = NULL;
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "too many facts about tensors");
    return NULL;
  }
  Py_INCREF(args); /* and with it all that it holds */
  dtype_name = PyUnicode_InternFromString("dtype");
  shape_name = PyUnicode_InternFromString("shape");
  learns_name = PyUnicode_InternFromString("requires_grad");
  Py_RETURN_NONE;
}

static int place_in(PyObject *tuple, PyObject *item) {
  const Py_ssize_t count = PyTuple_Size(tuple);
  for (Py_ssize_t k = 0; k < count; k++)
    if (PyTuple_GetItem(tuple, k) == item) return (int)k;
  return -1;
}

/* Whether an answer, a new reference or NULL after an error, is the one that is wanted. */
static int is(PyObject *found, PyObject *wanted) {
  const int same = found == wanted;
  Py_XDECREF(found);
  return same;
}

static int type_of(PyObject *x) {
  PyObject *dtype = PyObject_GetAttr(x, dtype_name);
  const int type = dtype ? place_in(dtypes, dtype) : -1;
  Py_XDECREF(dtype);
  return type;
}

/* The number of the dtype of a tensor whose memory is all there is to it; -1 for others. */
static int plain_type(PyObject *x) {
  if (place_in(types, (PyObject *)Py_TYPE(x)) < 0) return -1;
  for (int k = 0; k < attributes.count; k++)
    if (!is(PyObject_GetAttr(x, attributes.asked[k]), attributes.wanted[k])) return -1;
  for (int k = 0; k < answers.count; k++)
    if (!is(PyObject_CallFunctionObjArgs(answers.asked[k], x, NULL), answers.wanted[k])) return -1;
  return type_of(x);
}

static int same_shape(PyObject *x, PyObject *y) {
  PyObject *one = PyObject_GetAttr(x, shape_name), *other = PyObject_GetAttr(y, shape_name);
  const int same = one && other && PyObject_RichCompareBool(one, other, Py_EQ) == 1;
  Py_XDECREF(one), Py_XDECREF(other);
  return same;
}

/* The number of the dtype of tensors that are plain and alike while nobody watches; -1 for others,
   and after an error. */
static int served_type(PyObject *const *x, Py_ssize_t count) {
  const int type = types && count ? plain_type(x[0]) : -1;
  for (Py_ssize_t k = 1; k < count && type >= 0; k++)
    if (plain_type(x[k]) != type || !same_shape(x[0], x[k])) return -1;
  for (int k = 0; k < quiet.count && type >= 0; k++)
    if (!is(PyObject_CallNoArgs(quiet.asked[k]), quiet.wanted[k])) return -1;
  return type;
}

PyObject *actlas_serves(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  const int served = served_type(args, count) >= 0;
  return PyErr_Occurred() ? NULL : PyBool_FromLong(served);
}

static int64_t number(PyObject *asked, PyObject *x) {
  PyObject *found = x ? PyObject_CallFunctionObjArgs(asked, x, NULL) : PyObject_CallNoArgs(asked);
  const int64_t value = found ? PyLong_AsLongLong(found) : -1;
  Py_XDECREF(found);
  return value;
}

/* Fill a job in: contiguous inputs, and new tensors y like the first of them; 0 at an error. */
static int place(Job *job, PyObject *const *x, Py_ssize_t inputs, PyObject **y, int type) {
  const int outputs = job->program->outputs;
  job->rows = 1, job->columns = number(count_of, x[0]);
  for (int k = 0; k < outputs; k++)
    if (!(y[k] = PyObject_CallFunctionObjArgs(empty_like, x[0], NULL))) return 0;
  for (Py_ssize_t k = 0; k < inputs + outputs; k++) {
    char *data = (char *)(intptr_t)number(address_of, k < inputs ? x[k] : y[k - inputs]);
    job->operand[k] = (Operand){data, NULL, 1, 0, 1, type};
  }
  return !PyErr_Occurred();
}

/* One tensor, or a tuple of several; the references go with it. */
static PyObject *packed(PyObject **y, int count) {
  if (count == 1) return y[0];
  PyObject *all = PyTuple_New(count);
  for (int k = 0; k < count; k++) {
    if (all) PyTuple_SetItem(all, k, y[k]); /* which takes the reference */
    else Py_DECREF(y[k]);
  }
  return all;
}

/* Run a program over contiguous tensors of one dtype and shape; return new ones like the first. */
static PyObject *run(PyObject *capsule, PyObject *const *x, Py_ssize_t inputs, int type) {
  const Program *p = PyCapsule_GetPointer(capsule, ACTLAS_PROGRAM);
  if (!p) return NULL;
  if (p->inputs != inputs || p->outputs < 1)
    return PyErr_Format(PyExc_TypeError, "wrong number of operands");
  Job job;
  job.program = p;
  PyObject *y[MOST_OPERANDS] = {NULL}, *done = NULL;
  if (place(&job, x, inputs, y, type)) {
    for (int k = 0; k < p->outputs && job.columns >= large; k++)
      actlas_advise((uintptr_t)job.operand[inputs + k].data, job.columns * (type ? 2 : 4));
    const int threads = job.columns <= GRAIN ? 1 : (int)number(threads_of, NULL);
    done = PyErr_Occurred() ? NULL : actlas_finish(&job, threads);
  }
  for (int k = 0; k < p->outputs && !done; k++) Py_XDECREF(y[k]);
  Py_XDECREF(done);
  return done ? packed(y, p->outputs) : NULL;
}

/* Whether all are tensors of which none wants a gradient: asked first, since in training the rest is
   asked on the way of autograd. */
static int none_learns(PyObject *const *x, Py_ssize_t count) {
  for (Py_ssize_t k = 0; k < count; k++)
    if (!types || place_in(types, (PyObject *)Py_TYPE(x[k])) < 0 ||
        !is(PyObject_GetAttr(x[k], learns_name), Py_False))
      return 0;
  return 1;
}

/* value(program, x, ...): a new tensor, or None where the short way is closed or a gradient asked. */
PyObject *actlas_value(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  const int type = none_learns(args + 1, count - 1) ? served_type(args + 1, count - 1) : -1;
  if (PyErr_Occurred()) return NULL;
  if (type < 0) Py_RETURN_NONE;
  return run(args[0], args + 1, count - 1, type);
}

/* into(program, x, ...): a new tensor for each result; the caller has seen to it that all are plain and alike. */
PyObject *actlas_into(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  const int type = types && count > 1 ? type_of(args[1]) : -1;
  if (PyErr_Occurred()) return NULL;
  if (type < 0) return PyErr_Format(PyExc_TypeError, "into takes a program and tensors");
  return run(args[0], args + 1, count - 1, type);
}
