// The launcher: one per cluster, connected to no database. Keeps a dispatcher in every database that has the
// extension. Finds databases at its start, when CREATE EXTENSION or start() commits, and new ones within a
// minute.
#pragma once

namespace foreman::worker {

void launcher_main();

}  // namespace foreman::worker
