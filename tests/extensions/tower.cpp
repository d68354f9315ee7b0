// SPDX-License-Identifier: Apache-2.0
// tower: an extension module of C++ templates. climb(callable) calls it below
//
//   climb > tower::Level<3>::up > tower::Level<2>::up > tower::Level<1>::up > tower::Level<0>::up
//
// with at each level an inlined lambda in an inlined function template, and spin(loops) ends in a
// nested template's operator(). Built like frames.c, with -O2 and debug information.
#include <Python.h>

#define FRAME __attribute__((noinline))
#define INLINED __attribute__((always_inline))

namespace tower {

volatile unsigned long sink;

template <class Function>
INLINED inline auto applied(Function&& function) {
    auto result = function();
    sink = sink + 1;
    return result;
}

template <int kLevel>
struct Level {
    FRAME static PyObject* up(PyObject* callable) {
        PyObject* result = applied([&] { return Level<kLevel - 1>::up(callable); });
        sink = sink + kLevel;
        return result;
    }
};

template <>
struct Level<0> {
    FRAME static PyObject* up(PyObject* callable) {
        PyObject* result = PyObject_CallObject(callable, nullptr);
        sink = sink + 1;
        return result;
    }
};

template <class... Types>
struct Mixer {
    template <class Number>
    struct Inner {
        FRAME Number operator()(Number loops) const {
            for (Number i = 0; i < loops; ++i) sink = sink + i * i;
            return sink;
        }
    };
};

FRAME PyObject* climb(PyObject*, PyObject* callable) {
    PyObject* result = Level<3>::up(callable);
    sink = sink + 1;
    return result;
}

FRAME PyObject* spin(PyObject*, PyObject* loops) {
    const Mixer<int, Level<2>>::Inner<unsigned long> mixer;
    sink = sink + mixer(PyLong_AsUnsignedLong(loops));
    Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"climb", climb, METH_O, nullptr},
    {"spin", spin, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

}  // namespace tower

#if PY_MAJOR_VERSION >= 3
static PyModuleDef module = {PyModuleDef_HEAD_INIT,
                             "tower",
                             nullptr,
                             -1,
                             tower::methods,
                             nullptr,
                             nullptr,
                             nullptr,
                             nullptr};

PyMODINIT_FUNC PyInit_tower(void) {
    return PyModule_Create(&module);
}
#else
PyMODINIT_FUNC inittower(void) {
    Py_InitModule("tower", tower::methods);
}
#endif
