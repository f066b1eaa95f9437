// The kinds of announcements, one small struct each: what it carries, and tell(), which tells the board at the
// commit. A new kind is a struct here, its tell() in announcements.cpp, and a member of Announcements.
#pragma once

#include <string_view>

#include "board/board.hpp"
#include "board/layout.hpp"
#include "board/workflow_counts.hpp"
#include "pg/datum.hpp"
#include "store/commit/announcement_list.hpp"

namespace foreman::store {

/// A kind that is of no place: nothing to copy, and each stays as it is.
struct PlainAnnouncement {
    static constexpr bool kMerges = false;
    void keep(MemoryContext /*context*/) noexcept {}
};

/// Counters of a queue change.
struct CountsAnnouncement {
    static constexpr bool kMerges = true;
    std::string_view queue;
    board::QueueDelta delta;
    board::JobTimes* times;  ///< in the context of announcements; nullptr: none
    uint32 hash() const noexcept;
    bool is_same(const CountsAnnouncement& o) const noexcept { return queue == o.queue; }
    void merge(const CountsAnnouncement& o) noexcept;
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// Counters of a type of workflow change.
struct WorkflowCountsAnnouncement {
    static constexpr bool kMerges = true;
    std::string_view type;
    board::WorkflowDelta delta;
    uint32 hash() const noexcept;
    bool is_same(const WorkflowCountsAnnouncement& o) const noexcept { return type == o.type; }
    void merge(const WorkflowCountsAnnouncement& o) noexcept;
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// The database stops.
struct StopAnnouncement : PlainAnnouncement {
    void tell() const noexcept;
};

/// A queue's row was written.
struct SettingsAnnouncement : PlainAnnouncement {
    std::string_view queue;
    board::QueueSettings settings;
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// A job of the queue met somebody's limit at `at`.
struct ThrottleAnnouncement {
    static constexpr bool kMerges = true;
    std::string_view queue;
    core::ThrottlePolicy policy;
    core::Instant at;
    uint32 hash() const noexcept;
    bool is_same(const ThrottleAnnouncement& o) const noexcept { return queue == o.queue; }
    void merge(const ThrottleAnnouncement& /*later*/) noexcept {}
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// Rows of a range became claimable, from `key` on.
struct WorkAnnouncement {
    static constexpr bool kMerges = true;
    std::string_view queue;
    std::string_view kind;
    int16 priority;
    int16 alone;
    Oid role;
    core::Key key;
    int jobs;
    uint32 hash() const noexcept;
    bool is_same(const WorkAnnouncement& o) const noexcept {
        return priority == o.priority && alone == o.alone && queue == o.queue && kind == o.kind;
    }
    void merge(const WorkAnnouncement& o) noexcept;
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// A kind has another handler's role.
struct KindAnnouncement : PlainAnnouncement {
    std::string_view kind;
    Oid role;
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// A row of job_request was written.
struct RequestAnnouncement : PlainAnnouncement {
    int64 job_id;
    bool interrupt;
    void tell() const noexcept;
};

/// Something is due at `at`, in a duty of the dispatcher: of each instant of the database, the least is told.
struct DueAnnouncement {
    static constexpr bool kMerges = true;
    board::BoardInstant board::DatabaseSlot::*instant;
    board::Poke poke;
    core::Instant at;
    uint32 hash() const noexcept { return poke; }
    bool is_same(const DueAnnouncement& o) const noexcept { return poke == o.poke; }
    void merge(const DueAnnouncement& o) noexcept { at = std::min(at, o.at); }
    void keep(MemoryContext /*context*/) noexcept {}
    void tell() const noexcept;
};

/// A lease begins. It is on the board before the commit can be seen (place_leases).
struct LeaseAnnouncement : PlainAnnouncement {
    int64 job_id;
    pg::UuidBytes token;
    core::Instant until;
    core::Micros length;
    uint32 keys[2];
    uint32 place;
    bool placed;
    bool holds_a_limit() const noexcept;
    void tell() const noexcept {}
};

/// A lease that only the board knows, and that is there since its claim. Rolled back, its job is claimable again.
struct UnwrittenAnnouncement {
    static constexpr bool kMerges = false;
    int64 job_id;
    pg::UuidBytes token;
    std::string_view queue;
    std::string_view kind;
    int16 priority;
    int16 alone;
    bool is_kept;  ///< its texts are those of the announcement before
    core::Key key;
    void keep(MemoryContext context);
    void tell() const noexcept;
    void undo() const noexcept;
};

/// The row of an unwritten lease says of it from now on.
struct WrittenAnnouncement : PlainAnnouncement {
    int64 job_id;
    pg::UuidBytes token;
    void tell() const noexcept;
};

struct LeaseEndAnnouncement : PlainAnnouncement {
    int64 job_id;
    pg::UuidBytes token;
    bool settling;  ///< the board was told that this transaction ends it
    void tell() const noexcept;
    void undo() const noexcept;
};

/// Jobs that a key or a sequence blocks may go on, or (`parked`) a job is blocked in that place now.
struct KeyAnnouncement {
    static constexpr bool kMerges = true;
    core::BlockedOn type;
    bool parked;
    std::string_view queue;
    std::string_view key;
    core::ParkedPlace place;
    uint32 hash() const noexcept;
    bool is_same(const KeyAnnouncement& o) const noexcept {
        return type == o.type && parked == o.parked && queue == o.queue && key == o.key;
    }
    void merge(const KeyAnnouncement& o) noexcept { place = std::min(place, o.place); }
    void keep(MemoryContext context);
    void tell() const noexcept;
};

/// The end of a job or of a batch is waited for.
struct AwaitAnnouncement : PlainAnnouncement {
    core::EndId end;
    void tell() const noexcept;
};

/// All of them, in the order in which they are told. Counts come first: sessions and workers that the rest wakes
/// may read them at once. The handlers' roles come after the work, which was made with the role of its time. Ends
/// of leases come before the work: whoever raises a head passes over what is leased.
struct Announcements {
    AnnouncementList<CountsAnnouncement> counts;
    AnnouncementList<WorkflowCountsAnnouncement> workflow_counts;
    AnnouncementList<StopAnnouncement> stops;
    AnnouncementList<SettingsAnnouncement> settings;
    AnnouncementList<ThrottleAnnouncement> throttles;
    AnnouncementList<UnwrittenAnnouncement> unwritten;
    AnnouncementList<WrittenAnnouncement> written;
    AnnouncementList<LeaseEndAnnouncement> lease_ends;
    AnnouncementList<WorkAnnouncement> work;
    AnnouncementList<KindAnnouncement> kinds;
    AnnouncementList<RequestAnnouncement> requests;
    AnnouncementList<DueAnnouncement> dues;
    AnnouncementList<LeaseAnnouncement> leases;
    AnnouncementList<KeyAnnouncement> keys;
    AnnouncementList<AwaitAnnouncement> awaits;

    template <class Do>
    void each_list(Do what) {
        what(counts), what(workflow_counts), what(stops), what(settings), what(throttles);
        what(unwritten), what(written), what(lease_ends), what(work), what(kinds), what(requests);
        what(dues), what(leases), what(keys), what(awaits);
    }
};

}  // namespace foreman::store
