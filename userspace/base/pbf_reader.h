// SPDX-License-Identifier: Apache-2.0
// protozero's reader, for bytes that are not trusted. The library only asserts that a field has the
// type that it is read as; here it throws protozero::unknown_pbf_wire_type_exception.
#pragma once

#include <protozero/exception.hpp>

#ifdef PROTOZERO_PBF_READER_HPP
#error "include base/pbf_reader.h instead of protozero/pbf_reader.hpp"
#endif

#undef protozero_assert
#define protozero_assert(condition) \
    ((condition) ? void() : throw protozero::unknown_pbf_wire_type_exception())
#include <protozero/pbf_reader.hpp>
