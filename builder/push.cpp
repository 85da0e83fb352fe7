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

Reference reference_of(const SourceName& name) { return parse_reference(std::string_view(name.path).substr(2)); }

/// The registry itself: a mirror is no place to write to.
Endpoint endpoint_of(const SourceName& name) { return read_registries_conf().endpoints(reference_of(name)).back(); }

RegistryOptions source_options(const PushOptions& options, const SourceName& source, const SourceName& destination) {
  RegistryOptions registry = options.registry;
  if (options.source_creds) {
    registry.creds = options.source_creds;
  } else if (source.transport == Transport::registry && destination.transport == Transport::registry &&
             reference_of(source).host != reference_of(destination).host) {
    registry.creds.reset();
  }
  return registry;
}

/// The repository of the source, where that is another one of the same registry: its blobs need not be sent.
std::string mountable_repository(const SourceName& source, const Reference& destination) {
  if (source.transport != Transport::registry) return "";
  const Reference reference = endpoint_of(source).reference;
  return reference.host == destination.host && reference.repository != destination.repository ? reference.repository
                                                                                              : "";
}

}  // namespace

PushResult push_container(const PushOptions& options, const CopyProgress& progress) {
  const SourceName source = parse_place(options.source, "source");
  const SourceName destination = parse_place(options.destination, "destination");
  PushResult result;
  const OpenContainer container = during("source " + quoted(options.source), [&] {
    return open_container(source, source_options(options, source, destination));
  });
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
      RegistryTarget target(endpoint, options_for(endpoint, reference_of(destination), options.registry),
                            mountable_repository(source, endpoint.reference));
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
