// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/push.hpp"

#include <optional>

#include "builder/container/registry_target.hpp"
#include "builder/container_output.hpp"
#include "builder/registry/registries_conf.hpp"
#include "store/core/error.hpp"

namespace sealroot {

namespace {

SourceName parse_place(const std::string& text, const char* what) {
  SourceName name = parse_source(text);
  if (is_container(name.transport)) return name;
  throw Error(Fault::usage, std::string(what) + " " + quoted(text) +
                                ": not a container image: docker://HOST/NAME[:TAG], oci:DIR[:TAG] or "
                                "oci-archive:FILE[:TAG]");
}

/// The registry itself: a mirror is no place to write to.
Endpoint endpoint_of(const SourceName& name) {
  return read_registries_conf().endpoints(parse_reference(std::string_view(name.path).substr(2))).back();
}

}  // namespace

PushResult push_container(const PushOptions& options, const CopyProgress& progress) {
  const SourceName source = parse_place(options.source, "source");
  const SourceName destination = parse_place(options.destination, "destination");
  PushResult result;
  const OpenContainer container =
      during("source " + quoted(options.source), [&] { return open_container(source, options.registry); });
  const std::string architecture =
      options.architecture.empty() ? std::string(host_architecture()) : options.architecture;
  const ChosenManifest chosen = during("source " + quoted(options.source),
                                       [&] { return choose_manifest(*container.blobs, container.root, architecture); });
  result.manifest = chosen.descriptor;
  result.size_bytes = chosen.manifest.config.size;
  for (const Descriptor& layer : chosen.manifest.layers) result.size_bytes += layer.size;
  const auto count = [&](std::uint64_t done, std::uint64_t total) {
    result.sent_bytes = done;
    if (progress) progress(done, total);
  };
  const auto copy_to = [&](BlobTarget& target) {
    copy_blobs(*container.blobs, chosen.manifest, target, count);
    target.put_manifest(chosen.descriptor, chosen.document);
  };
  during("destination " + quoted(options.destination), [&] {
    if (destination.transport == Transport::registry) {
      const Endpoint endpoint = endpoint_of(destination);
      result.name = endpoint.reference.name() + "@" + chosen.descriptor.digest.text();
      RegistryTarget target(endpoint, options.registry);
      copy_to(target);
    } else {
      result.name = options.destination;
      ContainerOutput output(options.destination);
      copy_to(output.layout());
      output.commit();
    }
  });
  return result;
}

}  // namespace sealroot
