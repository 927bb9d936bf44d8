// The agents of the runs: other processes that had a part of the subscribers.

/** How much of the runs each agent carried, and how it fared. */
function agentsSection() {
  const agents = data.sources.flatMap((source) => source.agents);
  if (agents.length === 0) return null;
  const ofRun = (run) => agents.filter((agent) => agent.run_id === run)
    .reduce((sum, { subscribers }) => sum + (subscribers ?? 0), 0);
  const share = ({ run_id: run, subscribers }) => {
    const part = ratio(subscribers, ofRun(run));
    return part === null ? ABSENT : percent(part);
  };
  const load = ({ cpu_ratio: busy }) => (isNumber(busy) ? percent(busy) : ABSENT);
  const millis = (us) => (isNumber(us) ? withUnit(inMillis(us), "ms") : ABSENT);
  return section("agents", "Agents",
    h("p", { class: "lead" }, "Each agent ran a part of the subscribers in a process of its own. An agent above 85 % of its load, or one that was lost, makes its run invalid. Lag is how late its event loop ran, at p99."),
    plainTable({
      caption: "The agents of each run",
      head: ["run", "agent", "host", "subscribers", "share", "load", "lag", "clock within", "lost"],
      rows: agents.map((agent) => [
        agent.run_id ?? ABSENT, agent.agent ?? ABSENT, agent.host ?? ABSENT,
        isNumber(agent.subscribers) ? count(agent.subscribers) : ABSENT, share(agent), load(agent),
        millis(agent.lag_p99_us), isNumber(agent.clock_bound_us) ? millis(agent.clock_bound_us) : "the same clock",
        agent.lost ?? "no",
      ]),
    }));
}
