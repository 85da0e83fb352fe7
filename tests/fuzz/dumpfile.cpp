// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
// Dumpfiles. What is taken must print as a dumpfile that gives the same tree again, however it is cut into parts.
#include "builder/tree/dumpfile.hpp"
#include "builder/image/image.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sealroot;

namespace {

Tree parse_in_parts(ByteView text, std::size_t cut, DumpfileRules rules) {
  DumpfileParser parser(rules);
  parser.add(text.first(cut));
  parser.add(text.subspan(cut));
  return parser.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const DumpfileRules rules = (data[0] & 1) != 0 ? DumpfileRules::lenient : DumpfileRules::strict;
  const ByteView text(data + 1, size - 1);
  Tree tree;
  const bool taken = accepts([&] { tree = parse_dumpfile(text, rules); });
  Tree parts;
  promise(taken == accepts([&] { parts = parse_in_parts(text, data[0] % size, rules); }), "parts change what is taken");
  if (!taken) return 0;
  const std::string printed = print_dumpfile(tree);
  promise(print_dumpfile(parts) == printed, "parts change the tree");
  promise(print_dumpfile(parse_dumpfile(as_bytes(printed))) == printed, "printed and read again it is another tree");
  accepts([&] { make_image(tree, ImageFormat::v1); });
  return 0;
}
