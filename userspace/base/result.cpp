// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

#include <cstring>

namespace pyebpf {

tl::unexpected<Error> fail_errno(std::string_view doing, int error_number) {
    return fail(std::string(doing) + ": " + std::strerror(error_number));
}

}  // namespace pyebpf
