// The API server: the network's handler, which knows routes, keys and limits, gives requests to the readers of their families, jobs
// to the lanes' schedulers and answers to the encoders, and keeps the books. Owns the network thread, the threads that read
// prompts, and the pulse; configuration, lanes, keys, ledger and log are its caller's and outlive it.
//
//   network thread ─► screen (route, key) ─► handle ─► Workers (read, render, tokenise) ─► sched::Service
//                                                                                              │ events, on its thread
//   network thread ◄─ Exchange ◄─ Delivery (signs of life, promises, books) ◄─ encoder ◄────────┘
//
// start and shutdown belong to one thread; nothing else is called from outside.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/lanes.h"
#include "serve/log.h"
#include "serve/store/key_store.h"
#include "serve/store/serve_config.h"

namespace baleen::serve {

class Ledger;

class ApiServer {
  public:
    ApiServer(const ServeConfig& config, Lanes& lanes, KeyStore& keys, Ledger& ledger, Log& log);
    ~ApiServer();  // shutdown(0)
    ApiServer(const ApiServer&) = delete;
    ApiServer& operator=(const ApiServer&) = delete;

    // Listens. Errors name the address or the file.
    Result<void> start();
    // "127.0.0.1:43211": with the port the system chose.
    const std::vector<std::string>& addresses() const;

    // Takes no more requests, lets the answers under way come to their end, cancels what is left after `grace` and tells its
    // clients. Whether nothing had to be cancelled. Once; the lanes' services take no work afterwards.
    bool shutdown(std::chrono::milliseconds grace);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace baleen::serve
