// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
#include "builder/registry/credentials.hpp"

#include "store/core/error.hpp"
#include "tests/catch.hpp"
#include "tests/scratch.hpp"

using namespace sealroot;

namespace {

std::string user_for(std::string_view auths, const std::string& reference) {
  const AuthFile file = parse_auth_file(as_bytes(R"({"auths":{)" + std::string(auths) + "}}"));
  const auto found = find_entry(file, parse_reference(reference));
  return found ? found->user : "nobody";
}

}  // namespace

TEST_CASE("credentials on the command line are skopeo's") {
  CHECK(parse_credentials("user:pass:word").user == "user");
  CHECK(parse_credentials("user:pass:word").password == "pass:word");
  CHECK(parse_credentials("user").password.empty());
  for (const char* text : {"", ":", ":password"}) {
    CHECK_THROWS_WITH(parse_credentials(text), has_text("expected USER[:PASSWORD]"));
  }
}

TEST_CASE("the entry of the longest name decides") {
  constexpr std::string_view auths =  // host:x, team:x, web:x
      R"("h.x":{"auth":"aG9zdDp4"},"h.x/team":{"auth":"dGVhbTp4"},"h.x/team/web":{"auth":"d2ViOng="})";
  CHECK(user_for(auths, "h.x/other") == "host");
  CHECK(user_for(auths, "h.x/team/db") == "team");
  CHECK(user_for(auths, "h.x/team/web:1") == "web");
  CHECK(user_for(auths, "h.x/team/website") == "team");
  CHECK(user_for(auths, "h.x/teams") == "host");
  CHECK(user_for(auths, "h.xy/team") == "nobody");
  CHECK(user_for(auths, "h.x:443/team") == "nobody");
}

TEST_CASE("Docker's own registry is known by its old address") {
  CHECK(user_for(R"("https://index.docker.io/v1/":{"auth":"aG9zdDp4"})", "debian") == "host");
  CHECK(user_for(R"("https://h.x/v2/":{"auth":"aG9zdDp4"})", "h.x/a") == "host");
}

TEST_CASE("an entry without anything in it is none") {
  CHECK(user_for(R"("h.x":{},"h.x/a":{"auth":"!"})", "h.x/a") == "nobody");
}

TEST_CASE("passwords may hold colons") {
  const AuthFile file = parse_auth_file(as_bytes(R"({"auths":{"h.x":{"auth":"dTpwOnE="}}})"));  // u:p:q
  CHECK(file.entries.at("h.x").password == "p:q");
  CHECK(file.entries.at("h.x").basic() == "Basic dTpwOnE=");
}

TEST_CASE("helpers and the store of a file are read") {
  const AuthFile file = parse_auth_file(as_bytes(R"({"credHelpers":{"h.x":"pass"},"credsStore":"secret"})"));
  CHECK(file.helpers.at("h.x") == "pass");
  CHECK(file.store == "secret");
}

TEST_CASE("an identity token is no password") {
  const AuthFile file = parse_auth_file(as_bytes(R"({"auths":{"h.x":{"identitytoken":"t"}}})"));
  CHECK(file.entries.at("h.x").identity_token == "t");
  CHECK_THROWS_WITH(file.entries.at("h.x").basic(), has_text("identity token"));
}

TEST_CASE("what is no such file is malformed") {
  for (const std::string text : {"", "[]", "{\"auths\":{\"h\":1}}", "{\"auths\":{},\"auths\":{}}"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_auth_file(as_bytes(text)), Error);
  }
}

TEST_CASE("a file that was named has to be there") {
  const Scratch scratch;
  CHECK_THROWS_WITH(find_credentials((scratch.path() / "none").string(), parse_reference("h.x/a")),
                    has_text("no such file"));
}
