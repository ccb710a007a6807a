#include "backends/sim/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <list>
#include <memory>
#include <simgrid/kernel/Timer.hpp>
#include <simgrid/s4u.hpp>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/sim/simgrid_compat.h"
#include "backends/sim/timeline.h"
#include "core/error.h"
#include "core/time.h"

namespace gpreempt::sim {

class World::Party {
 public:
  std::string name;
  simgrid::s4u::ActorPtr actor;
  std::function<void()> body;  ///< until it has started
  std::string waits_for;
  std::vector<Party*> joiners;
  bool sleeping = false;
  bool queued = false;
  bool ended = false;
};

class World::Impl final : public Timeline {
 public:
  explicit Impl(Options options) : options_(options) {
    // SimGrid keeps the strings; an engine outlives every call that could need them.
    static std::string program = "gpreempt";
    static std::string threshold = "--log=root.thres:critical";
    static std::string stack = fmt::format("--cfg=contexts/stack-size:{}", options.stack_kib);
    static std::string precision = "--cfg=surf/precision:1e-12";
    static std::vector<char*> arguments = {program.data(), threshold.data(), stack.data(),
                                           precision.data(), nullptr};
    static int count = static_cast<int>(arguments.size()) - 1;
    engine_ = std::make_unique<simgrid::s4u::Engine>(&count, arguments.data());
    simgrid::s4u::NetZone* zone = compat::root_zone(*engine_);
    host_ = compat::add_host(*zone, "host");
    zone->seal();
    simgrid::s4u::Engine::on_deadlock_cb([this] { note_deadlock(); });
  }

  Result<void> run(const std::function<void()>& body) {
    deadlock_.clear();
    epoch_ = simgrid::s4u::Engine::get_clock() - 1e-9 * static_cast<double>(to_ns(now()));
    bool returned = false;
    spawn("main", [this, &body, &returned] {
      body();
      returned = true;
      end_others(current());
    });
    engine_->run();
    if (returned) {
      return {};
    }
    return fail(Errc::kInternal, fmt::format("simulation: deadlock at {} ns: {}", to_ns(now()),
                                             deadlock_.empty() ? "nobody waits" : deadlock_));
  }

  Party& spawn(std::string name, std::function<void()> body) {
    Party& party = parties_.emplace_back();
    party.name = std::move(name);
    party.body = std::move(body);
    make_ready(party);
    return party;
  }

  Party& current() { return *by_actor_.at(simgrid::s4u::Actor::self()); }

  void join(Party& party) {
    Party& me = current();
    while (!party.ended) {
      party.joiners.push_back(&me);
      block(me, fmt::format("the end of {}", party.name));
      std::erase(party.joiners, &me);
    }
  }

  void kill(const std::vector<Party*>& parties) {
    std::vector<simgrid::s4u::ActorPtr> actors;
    for (Party* party : parties) {
      if (!party->ended) {
        GPREEMPT_CHECK(party->actor.get() != simgrid::s4u::Actor::self());
        running_ -= party->actor && !party->sleeping ? 1 : 0;
        actors.push_back(party->actor);
        finish(*party);
      }
    }
    for (const simgrid::s4u::ActorPtr& actor : actors) {
      if (actor) {
        actor->kill();
      }
    }
  }

  void block(Party& party, std::string what) {
    party.waits_for = std::move(what);
    party.sleeping = true;
    running_ -= party.ended ? 0 : 1;  // a killed one may get here before its stack is unwound
    if (running_ == 0 && options_.run_ahead) {
      fire_on(party);
    }
    if (party.sleeping) {
      arm();
      simgrid::s4u::this_actor::suspend();
    }
    party.waits_for.clear();
  }

  void unblock(Party& party) {
    if (party.sleeping && !party.ended) {
      make_ready(party);
    }
  }

  std::unique_ptr<Waiter> make_waiter(std::string what) override;

 protected:
  /// While a party runs, the next date matters to nobody: the last one to block arms the timer.
  void changed() override {
    if (!firing_ && running_ == 0) {
      arm();
    }
  }

 private:
  class PartyWaiter;

  void make_ready(Party& party) {
    if (!party.queued) {
      party.queued = true;
      ready_.push_back(&party);
      if (!flush_due_) {
        flush_due_ = true;
        at(now(), [this] { flush(); }, kGoOn);
      }
    }
  }

  /// Runs as a timer callback, where creating and resuming actors does not yield to them, or on the
  /// stack of the only party that goes on.
  void flush() {
    flush_due_ = false;
    const std::vector<Party*> ready = std::exchange(ready_, {});
    for (Party* party : ready) {
      party->queued = false;
      if (party->ended) {
        continue;
      }
      ++running_;
      if (party->body) {
        start(*party);
      } else {
        party->sleeping = false;
        if (party != firing_on_) {
          party->actor->resume();
        }
      }
    }
  }

  void start(Party& party) {
    party.actor = compat::add_actor(host_, party.name,
                                    [this, &party, body = std::exchange(party.body, nullptr)] {
                                      by_actor_[simgrid::s4u::Actor::self()] = &party;
                                      if (party.ended) {
                                        return;  // killed before its first step
                                      }
                                      body();
                                      if (!party.ended) {
                                        --running_;
                                        finish(party);
                                        changed();
                                      }
                                    });
  }

  void finish(Party& party) {
    party.ended = true;
    party.body = nullptr;
    party.actor = nullptr;  // or its stack stays mapped as long as the world
    for (Party* joiner : party.joiners) {
      unblock(*joiner);
    }
  }

  void end_others(const Party& me) {
    std::vector<Party*> others;
    for (Party& party : parties_) {
      if (&party != &me && !party.ended) {
        others.push_back(&party);
      }
    }
    kill(others);
  }

  void arm() {
    const Instant date = next_date();
    if (timer_ != nullptr) {
      if (date == armed_) {
        return;
      }
      timer_->remove();
      timer_ = nullptr;
    }
    if (date != kForever) {
      armed_ = date;
      // SimGrid refuses dates before its clock, which rounding may put an ulp past this instant.
      const double when = std::max(simgrid::s4u::Engine::get_clock(),
                                   epoch_ + 1e-9 * static_cast<double>(to_ns(date)));
      timer_ = simgrid::kernel::timer::Timer::set(when, [this] { fire(); });
    }
  }

  /// Fires events on the stack of `party`, which waits as all others do, until it is the turn of
  /// another one: most waits end without a switch to the engine and back.
  void fire_on(Party& party) {
    firing_ = true;
    firing_on_ = &party;
    while (party.sleeping && next_date() != kForever && !lets_others_go_on(party)) {
      fire_next();
    }
    firing_on_ = nullptr;
    firing_ = false;
  }

  /// Whether the next event is a `flush` that is for others than `party`.
  bool lets_others_go_on(const Party& party) {
    const bool is_flush = flush_due_ && !due_before(kGoOn - 1);
    return is_flush && (ready_.size() != 1 || ready_.front() != &party);
  }

  void fire() {
    timer_ = nullptr;
    firing_ = true;
    bool first = true;
    for (Instant date = next_date(); date != kForever; date = next_date()) {
      const bool later = date > now();
      if (!first && later && (running_ > 0 || !options_.run_ahead)) {
        break;
      }
      first = false;
      fire_next();
    }
    firing_ = false;
    arm();
  }

  void restarted() override {
    epoch_ = simgrid::s4u::Engine::get_clock();
    flush_due_ = false;
    for (Party* party : std::exchange(ready_, {})) {
      party->queued = false;
      make_ready(*party);
    }
  }

  void note_deadlock() {
    for (const Party& party : parties_) {
      if (!party.ended && party.sleeping) {
        deadlock_ += fmt::format("{}{} waits for {}", deadlock_.empty() ? "" : ", ", party.name,
                                 party.waits_for);
      }
    }
  }

  Options options_;
  std::unique_ptr<simgrid::s4u::Engine> engine_;
  simgrid::s4u::Host* host_ = nullptr;
  std::list<Party> parties_;
  std::unordered_map<const simgrid::s4u::Actor*, Party*> by_actor_;
  std::vector<Party*> ready_;
  std::string deadlock_;
  simgrid::kernel::timer::Timer* timer_ = nullptr;
  Instant armed_{};
  double epoch_ = 0;                  ///< SimGrid's clock at the timeline's instant zero
  int running_ = 0;                   ///< parties that may run now
  const Party* firing_on_ = nullptr;  ///< on whose stack events are fired now
  bool flush_due_ = false;
  bool firing_ = false;
};

class World::Impl::PartyWaiter final : public TimelineWaiter {
 public:
  PartyWaiter(Impl& world, std::string what)
      : TimelineWaiter(world), world_(world), what_(std::move(what)) {}

 protected:
  Result<void> block() override {
    party_ = &world_.current();
    world_.block(*party_, what_);
    return {};
  }
  void release() override { world_.unblock(*party_); }

 private:
  Impl& world_;
  std::string what_;
  World::Party* party_ = nullptr;
};

std::unique_ptr<Waiter> World::Impl::make_waiter(std::string what) {
  return std::make_unique<PartyWaiter>(*this, std::move(what));
}

World::World(Options options) : impl_(std::make_unique<Impl>(options)) {}
World::~World() = default;

Timeline& World::timeline() { return *impl_; }
Result<void> World::run(const std::function<void()>& body) { return impl_->run(body); }
World::Party& World::spawn(std::string name, std::function<void()> body) {
  return impl_->spawn(std::move(name), std::move(body));
}
World::Party& World::current() { return impl_->current(); }
void World::join(Party& party) { impl_->join(party); }
void World::kill(const std::vector<Party*>& parties) { impl_->kill(parties); }
const std::string& World::name_of(const Party& party) { return party.name; }
bool World::ended(const Party& party) { return party.ended; }

}  // namespace gpreempt::sim
