#pragma once

#include <simgrid/version.h>

#include <simgrid/s4u.hpp>

/// The few SimGrid calls that differ between 3.32 (Debian 12), 3.35 (Ubuntu 24.04) and 4.x.
namespace gpreempt::sim::compat {

inline simgrid::s4u::NetZone* root_zone(simgrid::s4u::Engine& engine) {
#if SIMGRID_VERSION >= 40000
  return engine.get_netzone_root();
#else
  static_cast<void>(engine);
  return simgrid::s4u::create_full_zone("root");
#endif
}

inline simgrid::s4u::Host* add_host(simgrid::s4u::NetZone& zone, const char* name) {
#if SIMGRID_VERSION >= 40000
  return zone.add_host(name, 1.0);
#else
  return zone.create_host(name, 1.0);
#endif
}

template <class Body>
simgrid::s4u::ActorPtr add_actor(simgrid::s4u::Host* host, const std::string& name, Body body) {
#if SIMGRID_VERSION >= 40100
  return host->add_actor(name, std::move(body));
#elif SIMGRID_VERSION >= 40000
  return simgrid::s4u::Engine::get_instance()->add_actor(name, host, std::move(body));
#else
  return simgrid::s4u::Actor::create(name, host, std::move(body));
#endif
}

}  // namespace gpreempt::sim::compat
