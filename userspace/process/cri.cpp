// SPDX-License-Identifier: Apache-2.0
#include "process/cri.h"

#include <protozero/exception.hpp>
#include <protozero/pbf_writer.hpp>
#include <utility>

#include "base/pbf_reader.h"

namespace pyebpf::process {

namespace {

using protozero::pbf_reader;

// Numbers of fields.
constexpr protozero::pbf_tag_type kRequestFilter = 1;
constexpr protozero::pbf_tag_type kFilterId = 1;
constexpr protozero::pbf_tag_type kResponseContainers = 1;
constexpr protozero::pbf_tag_type kContainerId = 1;
constexpr protozero::pbf_tag_type kContainerMetadata = 3;
constexpr protozero::pbf_tag_type kContainerImage = 4;
constexpr protozero::pbf_tag_type kContainerLabels = 8;
constexpr protozero::pbf_tag_type kMetadataName = 1;
constexpr protozero::pbf_tag_type kImageSpecImage = 1;
constexpr protozero::pbf_tag_type kImageSpecUserSpecified = 18;
constexpr protozero::pbf_tag_type kMapKey = 1;
constexpr protozero::pbf_tag_type kMapValue = 2;

// Of several the last one counts, as for every field that is not repeated. "" if it is not there,
// or too long to be a name.
std::string text_of(pbf_reader message, protozero::pbf_tag_type tag) {
    std::string_view text;
    while (message.next(tag)) {
        const protozero::data_view view = message.get_view();
        text = {view.data(), view.size()};
    }
    return text.size() <= kMaxNameBytes ? std::string(text) : std::string();
}

struct ListedContainer {
    std::string id;
    ContainerNames names;
};

ListedContainer parse_container(pbf_reader message) {
    ListedContainer result;
    ContainerNames& names = result.names;
    while (message.next()) {
        switch (message.tag()) {
            case kContainerId:
                result.id = message.get_string();
                break;
            case kContainerMetadata:
                names.name = text_of(message.get_message(), kMetadataName);
                break;
            case kContainerImage: {
                // The first may be the hash that the second stands for.
                const pbf_reader spec = message.get_message();
                names.image = text_of(spec, kImageSpecUserSpecified);
                if (names.image.empty()) names.image = text_of(spec, kImageSpecImage);
                break;
            }
            case kContainerLabels: {
                const pbf_reader label = message.get_message();
                const std::string key = text_of(label, kMapKey);
                // kubernetes pkg/kubelet/types/labels.go
                if (key == "io.kubernetes.pod.name")
                    names.pod = text_of(label, kMapValue);
                else if (key == "io.kubernetes.pod.namespace")
                    names.pod_namespace = text_of(label, kMapValue);
                break;
            }
            default:
                message.skip();
        }
    }
    return result;
}

}  // namespace

std::string cri_list_request(std::string_view id) {
    std::string message;
    protozero::pbf_writer request(message);
    protozero::pbf_writer filter(request, kRequestFilter);
    filter.add_string(kFilterId, id.data(), id.size());
    return message;
}

std::optional<ContainerNames> parse_cri_list(std::string_view message, std::string_view id) try {
    pbf_reader list(message.data(), message.size());
    while (list.next(kResponseContainers)) {
        ListedContainer found = parse_container(list.get_message());
        if (found.id == id) return std::move(found.names);
    }
    return std::nullopt;
} catch (const protozero::exception&) {
    return std::nullopt;
}

}  // namespace pyebpf::process
