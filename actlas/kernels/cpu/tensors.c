/* The short way of plain tensors: asked in C what Python would ask, since small tensors feel every
   step of it, and large ones too, whose memory has driven the interpreter out of the cache. What a
   tensor is and where it lies is told by DLPack's functions for libraries in C, in one call; what
   they do not say is asked as know_tensors tells. No torch headers. */
#include "module.h"

/* The part of DLPack that serves here (version 1, github.com/dmlc/dlpack): how a tensor lies in
   memory, and the functions that a library hands out with its tensors. */
enum { ON_CPU = 1, OF_FLOAT = 2, OF_BFLOAT = 4, KNOWN_VERSION = 1 };

typedef struct {
  char *data;
  int32_t device, device_number, dimensions;
  uint8_t kind, bits;
  uint16_t lanes;
  int64_t *shape, *strides; /* of the tensor's own, in elements */
  uint64_t offset;          /* in bytes */
} Lying;

typedef struct {
  uint32_t version, minor;
  void *older, *allocate, *lend, *make;
  int (*look)(void *tensor, Lying *found); /* 0, or -1 and an error: what has no memory cannot lie */
  void *stream;
} Exchange;

enum { MOST_FACTS = 8 };

typedef struct {
  int count;
  PyObject *asked[MOST_FACTS], *wanted[MOST_FACTS];
} Facts;

static PyObject *types; /* NULL: nothing is known yet, and the short way is closed */
static const Exchange *exchange;
static PyObject *empty_like, *threads_of, *grad_is_enabled, *learns_name;
static Facts answers, quiet;
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

/* know_tensors(exchange, types, answers, quiet, (empty_like, get_num_threads, is_grad_enabled),
   large): the capsule of DLPack's functions; answers and quiet are pairs of a function, of the
   tensor or of nothing, and its result. Kept for good: the module lives as long as Python. */
PyObject *actlas_know_tensors(PyObject *self, PyObject *args) {
  PyObject *capsule, *known, *answer, *calm;
  types = NULL;
  if (!PyArg_ParseTuple(args, "OOOO(OOO)n", &capsule, &known, &answer, &calm, &empty_like, &threads_of,
                        &grad_is_enabled, &large) ||
      !read_facts(answer, &answers) || !read_facts(calm, &quiet)) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "too many facts about tensors");
    return NULL;
  }
  exchange = PyCapsule_GetPointer(capsule, "dlpack_exchange_api");
  if (!exchange) return NULL;
  if (exchange->version != KNOWN_VERSION || !exchange->look) Py_RETURN_FALSE;
  Py_INCREF(args); /* and with it all that it holds */
  learns_name = PyUnicode_InternFromString("requires_grad");
  types = known;
  Py_RETURN_TRUE;
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

/* What memory holds: a number of engine.h, or -1. */
static int type_of(const Lying *x) {
  if (x->lanes != 1) return -1;
  if (x->kind == OF_FLOAT) return x->bits == 32 ? FLOAT32 : x->bits == 16 ? FLOAT16 : -1;
  return x->kind == OF_BFLOAT && x->bits == 16 ? BFLOAT16 : -1;
}

static int64_t count_of(const Lying *x) {
  int64_t count = 1;
  for (int k = 0; k < x->dimensions; k++) count *= x->shape[k];
  return count;
}

/* Whether the elements lie one after another, in whatever order of the dimensions. */
static int is_dense(const Lying *x, int64_t count) {
  int64_t next = 1;
  while (next < count) {
    int k = x->strides ? x->dimensions - 1 : -1;
    while (k >= 0 && (x->shape[k] == 1 || x->strides[k] != next)) k--;
    if (k < 0) return 0;
    next *= x->shape[k];
  }
  return next == count || !count;
}

/* Fill an operand in and return the number of its elements; -1 where a tensor does not lie in the
   processor's memory without gaps, or holds what does not run here. */
static int64_t operand_of(PyObject *x, Lying *lying, Operand *operand) {
  if (exchange->look(x, lying)) return PyErr_Clear(), -1;
  const int type = type_of(lying);
  const int64_t count = count_of(lying);
  if (type < 0 || lying->device != ON_CPU || !is_dense(lying, count) || (count && !lying->data))
    return -1;
  *operand = (Operand){lying->data + lying->offset, NULL, 1, 0, 1, type};
  return count;
}

static int is_tensor(PyObject *x) { return types && place_in(types, (PyObject *)Py_TYPE(x)) >= 0; }

static int answers_well(PyObject *x) {
  for (int k = 0; k < answers.count; k++)
    if (!is(PyObject_CallFunctionObjArgs(answers.asked[k], x, NULL), answers.wanted[k])) return 0;
  return 1;
}

static int is_quiet(void) {
  for (int k = 0; k < quiet.count; k++)
    if (!is(PyObject_CallNoArgs(quiet.asked[k]), quiet.wanted[k])) return 0;
  return 1;
}

/* Whether two tensors of `count` elements have the same one at every place in memory; where there is
   one element alone, or none, strides say nothing. */
static int lie_alike(const Lying *x, const Lying *y, int64_t count) {
  int alike = x->dimensions == y->dimensions;
  for (int k = 0; alike && k < x->dimensions; k++)
    alike = x->shape[k] == y->shape[k] &&
            (x->shape[k] == 1 || !count || x->strides[k] == y->strides[k]);
  return alike;
}

/* Fill in operands of tensors that lie alike and hold the same; 0 where there are others. */
static int alike(PyObject *const *x, Py_ssize_t count, Job *job, Lying *first) {
  Lying other;
  if (count < 1 || count > MOST_OPERANDS) return 0;
  for (Py_ssize_t k = 0; k < count; k++) {
    Operand *operand = job->operand + k;
    const int64_t elements = is_tensor(x[k]) ? operand_of(x[k], k ? &other : first, operand) : -1;
    if (elements < 0 || operand->type != job->operand[0].type) return 0;
    if (k && !lie_alike(first, &other, elements)) return 0;
    job->rows = 1, job->columns = elements;
  }
  return 1;
}

/* Fill in a job over plain tensors while nobody watches; 0 otherwise, and after an error. */
static int served(PyObject *const *x, Py_ssize_t count, Job *job, Lying *first) {
  int are_plain = alike(x, count, job, first);
  for (Py_ssize_t k = 0; k < count && are_plain; k++) are_plain = answers_well(x[k]);
  return are_plain && is_quiet();
}

PyObject *actlas_serves(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job;
  Lying first;
  const int runs = served(args, count, &job, &first);
  return PyErr_Occurred() ? NULL : PyBool_FromLong(runs);
}

/* Make new tensors y like x, which lies as given, the last operands of a job; 0 at an error. */
static int make_results(PyObject *x, const Lying *given, PyObject **y, Py_ssize_t inputs, Job *job) {
  const int outputs = job->program->outputs;
  Lying made;
  for (int k = 0; k < outputs; k++) {
    if (!(y[k] = PyObject_CallFunctionObjArgs(empty_like, x, NULL))) return 0;
    Operand *operand = job->operand + inputs + k;
    const int64_t elements = operand_of(y[k], &made, operand);
    if (elements < 0 || operand->type != job->operand[0].type || !lie_alike(given, &made, elements))
      return PyErr_SetString(PyExc_RuntimeError, "torch.empty_like made another kind of tensor"), 0;
    if (job->columns >= large)
      actlas_advise((uintptr_t)operand->data, job->columns * (operand->type ? 2 : 4));
  }
  return 1;
}

static int threads(void) {
  PyObject *found = PyObject_CallNoArgs(threads_of);
  const long count = found ? PyLong_AsLong(found) : -1;
  Py_XDECREF(found);
  return (int)count;
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

/* Run a job over its inputs; return new tensors like the first. */
static PyObject *run(Job *job, PyObject *const *x, const Lying *first, Py_ssize_t inputs) {
  const Program *p = job->program;
  if (p->inputs != inputs || p->outputs < 1)
    return PyErr_Format(PyExc_TypeError, "wrong number of operands");
  PyObject *y[MOST_OPERANDS] = {NULL}, *done = NULL;
  if (make_results(x[0], first, y, inputs, job)) {
    const int most = job->columns <= GRAIN ? 1 : threads();
    done = PyErr_Occurred() ? NULL : actlas_finish(job, most);
  }
  for (int k = 0; k < p->outputs && !done; k++) Py_XDECREF(y[k]);
  Py_XDECREF(done);
  return done ? packed(y, p->outputs) : NULL;
}

/* Whether all are tensors of which none wants a gradient, or gradients are off: asked first, since
   in training the rest is asked on the way of autograd. */
static int none_learns(PyObject *const *x, Py_ssize_t count) {
  for (Py_ssize_t k = 0; k < count; k++) {
    if (!is_tensor(x[k])) return 0;
    if (!is(PyObject_GetAttr(x[k], learns_name), Py_False))
      return !PyErr_Occurred() && is(PyObject_CallNoArgs(grad_is_enabled), Py_False);
  }
  return 1;
}

/* value(program, x, ...): a new tensor for each result, or None where the short way is closed or a
   gradient is wanted. */
PyObject *actlas_value(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job; /* not cleared: there is room for many more operands than there are */
  Lying first;
  const int runs = none_learns(args + 1, count - 1) && served(args + 1, count - 1, &job, &first);
  if (PyErr_Occurred()) return NULL;
  if (!runs) Py_RETURN_NONE;
  job.program = PyCapsule_GetPointer(args[0], ACTLAS_PROGRAM);
  return job.program ? run(&job, args + 1, &first, count - 1) : NULL;
}

/* into(program, x, ...): the same where the caller has asked already, and autograd is not asked. */
PyObject *actlas_into(PyObject *self, PyObject *const *args, Py_ssize_t count) {
  Job job;
  Lying first;
  if (!alike(args + 1, count - 1, &job, &first))
    return PyErr_Format(PyExc_TypeError, "into takes a program and plain tensors that lie alike");
  job.program = PyCapsule_GetPointer(args[0], ACTLAS_PROGRAM);
  return job.program ? run(&job, args + 1, &first, count - 1) : NULL;
}
