// See published.hpp.
#include "engine/workflow/published.hpp"

#include "core/topic.hpp"
#include "core/validate.hpp"
#include "engine/publish/publish.hpp"
#include "store/db/clock.hpp"
#include "store/publish/subscriptions.hpp"
#include "store/workflows/instances.hpp"

namespace foreman::engine {

namespace {

// Each name may take three bytes for each of its own.
constexpr std::size_t kMaxTopic = core::kWorkflowTopics.size() + 2 + 2 * 3 * core::kMaxNameBytes;

class EventTopic {
  public:
    EventTopic(std::string_view type, std::string_view event_type) noexcept {
        end_ = core::append_segment(text_, core::kWorkflowTopics);
        *end_++ = '.';
        end_ = core::append_segment(end_, type);
        *end_++ = '.';
        end_ = core::append_segment(end_, event_type);
    }
    EventTopic(const EventTopic&) = delete;
    EventTopic& operator=(const EventTopic&) = delete;
    std::string_view text() const noexcept { return {text_, static_cast<std::size_t>(end_ - text_)}; }

  private:
    char text_[kMaxTopic];
    char* end_;
};

}  // namespace

void publish_events(const Subject& subject, int64 instance, int64 first) {
    if (!store::subscriptions().hears_workflows) return;
    const pg::Context context("foreman workflow events", CurrentMemoryContext);
    pg::ContextResource memory(context);
    pg::vector<store::EventPayload> events(&memory);
    store::event_payloads(subject.type, subject.id, instance, first, context.get(), &events);
    for (const store::EventPayload& e : events) {
        const EventTopic topic(subject.type, e.event_type);
        Publishing p;
        p.topic = topic.text();
        p.payload = e.payload;
        p.run_at = store::now();
        p.by_caller = false;
        publish(p);
    }
}

}  // namespace foreman::engine
