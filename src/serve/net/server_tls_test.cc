// Aim: the same server over TLS, with a certificate made here: handshake, protocol choice, requests and streams, clients that speak
// something else or leave in the middle, and files that do not fit together.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <filesystem>
#include <fstream>

#include "serve/net/server.h"
#include "serve/net/test_support.h"

namespace baleen::serve::net {
namespace {

namespace fs = std::filesystem;

class HttpTls : public testing::Test {
  protected:
    void SetUp() override {
        folder_ = fs::temp_directory_path() / fmt::format("baleen_tls_{}_{}", ::getpid(), static_cast<const void*>(this));
        fs::create_directories(folder_);
        make_certificate("cert.pem", "key.pem");
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string file(const char* name) const { return (folder_ / name).string(); }

    // Self-signed, for localhost, an elliptic key.
    void make_certificate(const char* certificate_name, const char* key_name) {
        EVP_PKEY* key = EVP_EC_gen("P-256");
        X509* certificate = X509_new();
        ASSERT_TRUE(key != nullptr && certificate != nullptr);
        X509_set_version(certificate, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_NAME* name = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
        X509_set_issuer_name(certificate, name);
        X509_set_pubkey(certificate, key);
        ASSERT_GT(X509_sign(certificate, key, EVP_sha256()), 0);
        FILE* out = std::fopen(file(certificate_name).c_str(), "w");
        PEM_write_X509(out, certificate);
        std::fclose(out);
        out = std::fopen(file(key_name).c_str(), "w");
        PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(out);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }

    fs::path folder_;
};

// A client's end of TLS over the raw client's socket. Verifies the server's certificate.
class TlsClient {
  public:
    TlsClient(std::uint16_t port, const std::string& certificate, const std::vector<unsigned char>& protocols = {}) : client_(port) {
        context_ = SSL_CTX_new(TLS_client_method());
        SSL_CTX_load_verify_locations(context_, certificate.c_str(), nullptr);
        SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
        ssl_ = SSL_new(context_);
        if (!protocols.empty()) SSL_set_alpn_protos(ssl_, protocols.data(), static_cast<unsigned int>(protocols.size()));
        SSL_set_fd(ssl_, client_.fd());
        const timeval patience{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(client_.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        shaken_ = SSL_connect(ssl_) == 1;
    }
    ~TlsClient() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
    }

    bool shaken() const { return shaken_; }
    SSL* ssl() { return ssl_; }
    Client& raw() { return client_; }
    bool send(std::string_view bytes) { return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size()); }

    // What comes until `text` is among it, or the end.
    std::string receive_until(std::string_view text) {
        std::string got;
        char buffer[16384];
        while (got.find(text) == std::string::npos) {
            const int n = SSL_read(ssl_, buffer, sizeof(buffer));
            if (n <= 0) {
                clean_end_ = SSL_get_error(ssl_, n) == SSL_ERROR_ZERO_RETURN;
                break;
            }
            got.append(buffer, static_cast<std::size_t>(n));
        }
        return got;
    }
    bool clean_end() const { return clean_end_; }  // by close_notify

  private:
    Client client_;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    bool shaken_ = false;
    bool clean_end_ = false;
};

TEST_F(HttpTls, RequestsAndStreams) {
    TestServer server;
    server.options.tls = TlsFiles{file("cert.pem"), file("key.pem")};
    const std::string large(3000000, 'l');
    server.handler.act = [&](Request request, std::shared_ptr<Exchange> exchange) {
        EXPECT_TRUE(request.secure);
        if (request.path == "/large") return exchange->send(200, {}, large);
        if (request.path == "/whole") return exchange->send(200, {}, std::to_string(request.body.size()));
        std::thread([exchange] {
            exchange->begin(200, {});
            for (int i = 0; i < 100; ++i) exchange->write(fmt::format("piece {};", i));
            exchange->finish();
        }).detach();
    };
    server.start();
    TlsClient client(server.port, file("cert.pem"), {2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1'});
    ASSERT_TRUE(client.shaken()) << ERR_error_string(ERR_peek_error(), nullptr);
    const unsigned char* protocol = nullptr;
    unsigned int bytes = 0;
    SSL_get0_alpn_selected(client.ssl(), &protocol, &bytes);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(protocol), bytes), "http/1.1");
    EXPECT_GE(SSL_version(client.ssl()), TLS1_2_VERSION);

    for (const std::size_t body : {std::size_t{1}, std::size_t{8192}, std::size_t{20000}, std::size_t{3000000}}) {
        const std::string request = post("/whole", std::string(body, 'x'));
        for (std::size_t at = 0; at < request.size(); at += 16384) ASSERT_TRUE(client.send(std::string_view(request).substr(at, 16384)));
        EXPECT_TRUE(client.receive_until("\r\n\r\n" + std::to_string(body)).starts_with("HTTP/1.1 200"));
    }
    for (int round = 0; round < 3; ++round) {
        client.send(get("/stream"));
        const std::string stream = client.receive_until("0\r\n\r\n");
        std::size_t at = 0;
        for (int i = 0; i < 100; ++i) {
            const std::string piece = fmt::format("piece {};", i);
            at = stream.find(fmt::format("\r\n{:x}\r\n{}", piece.size(), piece), at);
            ASSERT_NE(at, std::string::npos) << i;
        }
    }
    client.send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const std::string answer = client.receive_until("never");
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + large));
    EXPECT_TRUE(client.clean_end());
}

TEST_F(HttpTls, ClientsThatMisbehave) {
    TestServer server;
    server.options.tls = TlsFiles{file("cert.pem"), file("key.pem")};
    server.options.limits.head_timeout = 300ms;
    std::atomic<int> closes = 0;
    std::mutex mutex;
    std::vector<std::shared_ptr<Exchange>> held;
    server.handler.act = [&](Request, std::shared_ptr<Exchange> exchange) {
        exchange->on_close([&] { ++closes; });
        const std::lock_guard lock(mutex);
        held.push_back(std::move(exchange));
    };
    server.start();
    {
        Client plain(server.port);  // no TLS
        plain.send(get("/"));
        while (plain.receive()) {
        }
        EXPECT_EQ(plain.held().find("HTTP/"), std::string::npos);
        Client silent(server.port);  // no handshake
        EXPECT_TRUE(silent.ended());
    }
    {
        TlsClient leaves(server.port, file("cert.pem"));
        leaves.send(get("/"));
        ASSERT_TRUE(eventually([&] { return server.server->stats().answering == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return closes == 1; }));
    {
        TlsClient resets(server.port, file("cert.pem"));
        resets.send(get("/"));
        ASSERT_TRUE(eventually([&] { return server.server->stats().answering == 1; }));
        resets.raw().reset();
    }
    EXPECT_TRUE(eventually([&] { return closes == 2; }));
    {
        TlsClient stays(server.port, file("cert.pem"));  // until the server stops
        stays.send(get("/"));
        ASSERT_TRUE(eventually([&] { return server.server->stats().answering == 1; }));
        server.server->stop(50ms);
        EXPECT_EQ(closes, 3);
    }
    EXPECT_EQ(server.server->stats().open_connections, 0u);
}

TEST_F(HttpTls, FilesThatDoNotFit) {
    make_certificate("other.pem", "other_key.pem");
    std::ofstream(file("garbage.pem")) << "-----BEGIN CERTIFICATE-----\nnot base64\n";
    TestHandler handler;
    const auto why = [&](const char* certificate, const char* key) {
        Server server({.listen = {{"127.0.0.1", 0}}, .tls = TlsFiles{file(certificate), file(key)}}, handler);
        const auto started = server.start();
        return started.ok() ? std::string("started") : started.error().message;
    };
    EXPECT_EQ(why("cert.pem", "key.pem"), "started");
    EXPECT_NE(why("cert.pem", "other_key.pem").find("other_key.pem"), std::string::npos);
    EXPECT_NE(why("garbage.pem", "key.pem").find("garbage.pem"), std::string::npos);
    EXPECT_NE(why("cert.pem", "garbage.pem").find("garbage.pem"), std::string::npos);
    EXPECT_NE(why("missing.pem", "key.pem").find("missing.pem"), std::string::npos);
}

}  // namespace
}  // namespace baleen::serve::net
