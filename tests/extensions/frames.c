// SPDX-License-Identifier: Apache-2.0
/*
 * frames: an extension module whose native frames are known. Every function is a frame of its own (noinline, no
 * sibling calls: tests/runtime/extensions.py has the flags).
 *
 *   relay(callable)           relay > relay_outer > relay_middle > relay_inner > callable()
 *   spin(loops)               spin > spin_outer > spin_leaf
 *   spin_released(loops)      the same below spin_released, with the GIL released meanwhile
 *   spin_on_signal(loops)     raises SIGUSR1 in raise_outer, whose handler, a C function, spins
 *
 * Built for the limited API of 3.6 once for all later versions, and for 2.7.
 */
#include <Python.h>
#include <signal.h>
#include <unistd.h>

#define FRAME __attribute__((noinline))

static volatile unsigned long sink;

FRAME static void spin_leaf(unsigned long loops)
{
    for (unsigned long i = 0; i < loops; i++)
        sink += i * i;
}

FRAME static void spin_outer(unsigned long loops)
{
    spin_leaf(loops);
    sink++;
}

FRAME static PyObject *relay_inner(PyObject *callable)
{
    PyObject *result = PyObject_CallObject(callable, NULL);
    sink++;
    return result;
}

FRAME static PyObject *relay_middle(PyObject *callable)
{
    volatile char room[300]; /* a frame that is not tiny */
    PyObject *result;

    room[sink % sizeof(room)] = 1;
    result = relay_inner(callable);
    sink += room[0];
    return result;
}

FRAME static PyObject *relay_outer(PyObject *callable)
{
    PyObject *result = relay_middle(callable);
    sink++;
    return result;
}

FRAME static PyObject *relay(PyObject *self, PyObject *callable)
{
    PyObject *result = relay_outer(callable);
    (void)self;
    sink++;
    return result;
}

FRAME static PyObject *spin(PyObject *self, PyObject *loops)
{
    (void)self;
    spin_outer(PyLong_AsUnsignedLong(loops));
    Py_RETURN_NONE;
}

FRAME static PyObject *spin_released(PyObject *self, PyObject *loops)
{
    unsigned long count = PyLong_AsUnsignedLong(loops);

    (void)self;
    Py_BEGIN_ALLOW_THREADS
    spin_outer(count);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static volatile unsigned long handler_loops;

FRAME static void on_signal(int number)
{
    (void)number;
    spin_outer(handler_loops);
    sink++;
}

FRAME static void raise_outer(void)
{
    raise(SIGUSR1);
    sink++;
}

FRAME static PyObject *spin_on_signal(PyObject *self, PyObject *loops)
{
    struct sigaction action = {.sa_handler = on_signal}, before;

    (void)self;
    handler_loops = PyLong_AsUnsignedLong(loops);
    sigaction(SIGUSR1, &action, &before);
    raise_outer();
    sigaction(SIGUSR1, &before, NULL);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"relay", relay, METH_O, NULL},
    {"spin", spin, METH_O, NULL},
    {"spin_released", spin_released, METH_O, NULL},
    {"spin_on_signal", spin_on_signal, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "frames", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_frames(void)
{
    return PyModule_Create(&module);
}
#else
PyMODINIT_FUNC initframes(void)
{
    Py_InitModule("frames", methods);
}
#endif
