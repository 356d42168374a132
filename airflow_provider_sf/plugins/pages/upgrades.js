// The page of upgrades in Airflow. It reads XComs through Airflow's public REST API, with the session and the
// rights of the user. A text of a cluster only ever becomes a text node: see element().
"use strict";

const LIST_SECONDS = 30;
const UPGRADE_SECONDS = 15;
const MOST_REQUESTS_PER_MINUTE = 60; // of the list; one task needs one request
const MOST_TASKS = 100; // Airflow's own limit of a page
const PAST_UPGRADES = 5;

const WAITING_CLASSES = [
  "ServiceFabricUpgradeSensor",
  "ServiceFabricUpgradeApplicationOperator",
  "ServiceFabricUpgradeGateOperator",
  "ServiceFabricUpgradeComposeDeploymentOperator",
  "ServiceFabricApplyApplicationResourceOperator",
  "ServiceFabricRollbackUpgradeOperator",
];
const FINAL_TASK_STATES = ["success", "failed", "skipped", "upstream_failed", "removed"];
const OUTCOMES = {
  in_progress: ["In progress", "active"],
  paused: ["Paused", "warn"],
  rolling_back: ["Rolling back", "bad"],
  succeeded: ["Succeeded", "good"],
  rolled_back: ["Rolled back", "bad"],
  failed: ["Failed", "bad"],
  not_upgraded: ["Not upgraded", "idle"],
  unknown: ["Unknown state", "warn"],
};
const TONES = ["bad", "warn", "active", "idle", "good"]; // the order of the list
const HEALTH_CHECK_LIMITS = { WaitDuration: "wait_seconds", StableDuration: "stable_seconds", Retry: "retry_seconds" };

// --- Airflow's REST API -----------------------------------------------------------------------------------

const query = new URLSearchParams(location.search);
const api = new URL("../api/v2/", location.href);

class Refused extends Error {}

async function get(path, query = {}) {
  const url = new URL(path, api);
  for (const [key, value] of Object.entries(query)) {
    for (const item of [value].flat()) url.searchParams.append(key, item);
  }
  const response = await fetch(url, { headers: { Accept: "application/json" }, cache: "no-store" });
  if (response.status === 404) return null;
  if (response.status === 401) throw new Refused("You are not logged in to Airflow. Log in, then load this page again.");
  if (response.status === 403) throw new Refused("Airflow refuses: your user may not read this task and its XComs.");
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.json();
}

const path = (...parts) => parts.map(encodeURIComponent).join("/");

const taskPath = (at) => path("dags", at.dag_id, "dagRuns", at.dag_run_id, "taskInstances", at.task_id);

function getTask(at) {
  return get(at.map_index < 0 ? taskPath(at) : `${taskPath(at)}/${at.map_index}`);
}

// Airflow 3.1 and 3.2 answer with the XCom of an earlier run if this run has none.
async function getWait(at) {
  const entry = await get(`${taskPath(at)}/xcomEntries/upgrade_wait`, { map_index: at.map_index });
  const wait = entry && entry.run_id === at.dag_run_id ? entry.value : null;
  if (wait && wait.schema !== "service_fabric.upgrade_wait/1") throw new Error(`unknown schema ${wait.schema}`);
  return wait;
}

let version = null;

async function readVersion() {
  const answer = await get("version");
  const [major, minor] = answer.version.split(".").map(Number);
  return { text: `${major}.${minor}`, pushesProgress: major > 3 || minor >= 3 };
}

// How long earlier upgrades of the same target took, by the successful runs of the same task.
async function readPast(at, wait) {
  const query = { task_id: at.task_id, map_index: at.map_index, state: "success", order_by: "-end_date" };
  const found = await get(path("dags", at.dag_id, "dagRuns", "~", "taskInstances"), { ...query, limit: PAST_UPGRADES });
  const tasks = found ? found.task_instances : [];
  const waits = await Promise.all(tasks.map((task) => getWait(task).catch(() => null))); // better fewer times than no page
  const records = waits.filter((past) => past && past.kind === wait.kind && past.name === wait.name).map((past) => past.record);
  const times = records.filter((record) => record && record.outcome === "succeeded").map((record) => record.duration_seconds);
  return times.filter((seconds) => seconds > 0).sort((a, b) => a - b);
}

// --- Words ------------------------------------------------------------------------------------------------

const secondsBetween = (from, until) => (new Date(until) - new Date(from)) / 1000;

function duration(seconds) {
  const pad = (value) => String(value).padStart(2, "0");
  const all = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(all / 86400), Math.floor(all / 3600) % 24, Math.floor(all / 60) % 60];
  if (days) return `${days}d${pad(hours)}h`;
  if (hours) return `${hours}h${pad(minutes)}m`;
  return minutes ? `${minutes}m${pad(all % 60)}s` : `${all}s`;
}

function clock(moment) {
  const [day, time] = new Date(moment).toISOString().split("T");
  const today = new Date().toISOString().startsWith(day);
  return today ? time.slice(0, 8) : `${day} ${time.slice(0, 8)}`;
}

const stateWords = (state) => (state ? state.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase() : "no state");

const andMore = (count, noun) => (count ? [`and ${count} more ${noun}`] : []);

const targetName = (wait, task) => (wait ? wait.name || kindWords(wait.kind) : (task.rendered_fields || {}).name || task.task_id);

const kindWords = (kind) => stateWords(kind).replaceAll("_", " ");

// --- What a wait says -------------------------------------------------------------------------------------

const lastStage = (wait) => wait.timeline[wait.timeline.length - 1];

// Whether the record is about the upgrade that the task waits for.
const isExpected = (wait) => wait !== null && wait.record !== null && lastStage(wait).expected;

function goesBack(record) {
  return ["rolling_back", "rolled_back"].includes(record.outcome) || record.state === "RollingBackPending";
}

const isActiveOutcome = ({ outcome }) => ["in_progress", "paused", "rolling_back"].includes(outcome);

const isActive = (wait) => !wait.ended_by && wait.record !== null && isActiveOutcome(wait.record);

// The word for the state, and its tone.
function headline(wait, task) {
  if (!wait) return ["No record yet", "idle"];
  const [word, tone] = verdictWord(wait, task);
  return isFirstPollOnly(wait, task) ? [`${word}, at the first poll`, "idle"] : [word, tone];
}

const isFirstPollOnly = (wait, task) => wait !== null && task.state === "deferred" && !version.pushesProgress;

function verdictWord(wait, task) {
  if (wait.verdict === "superseded") return ["Superseded", "bad"];
  if (!isExpected(wait)) return wait.verdict === "succeeded" ? ["Deployed already", "good"] : ["Not started", "idle"];
  if (wait.verdict === "phase_completed") return ["Phase completed", "active"];
  const [word, tone] = OUTCOMES[wait.record.outcome] || OUTCOMES.unknown;
  if (wait.unreachable_since && !wait.ended_by) return [`${word}, when last seen`, "warn"];
  if (task.state === "awaiting_input") return [word, "warn"];
  if (task.state === "success" && wait.ended_by === "upgrade") return [word, "good"]; // of a wanted rollback, too
  if (!wait.ended_by || wait.ended_by === "upgrade") return [word, tone];
  return [`${word}, when last seen`, "warn"];
}

function versions(wait) {
  const record = wait.record;
  const expected = wait.expected && wait.expected.target_version;
  const before = record.previous_version || wait.old_version || (wait.before && wait.before.target_version);
  if (goesBack(record)) return { old: record.target_version, new: expected };
  return { old: before, new: record.target_version };
}

function versionText(wait) {
  const { old, new: target } = versions(wait);
  return old ? `${old} to ${target || "an unknown version"}` : target || "unknown";
}

function placeText(wait) {
  const stage = lastStage(wait);
  if (stage.outcome === "rolled_back") return `Back on ${versions(wait).old || "the old version"}`;
  const percent = stage.percent_completed === null ? "" : `${Math.round(stage.percent_completed)} %`;
  const text = [stage.place, percent].filter(Boolean).join(", ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// The time in the current domain if there is one, else the time in the current state.
function sinceText(wait, now) {
  const record = wait.record;
  const units = [...record.upgrade_domains, ...record.upgrade_units];
  const isInDomain = units.some((unit) => unit.state === "InProgress") && record.domain_duration_seconds > 0;
  const policy = record.monitoring_policy;
  const limit = isInDomain && policy && record.rolling_upgrade_mode === "Monitored" && policy.domain_timeout_seconds;
  const seconds = isInDomain ? record.domain_duration_seconds + ageOf(record, now) : secondsBetween(lastStage(wait).first_seen_at, now);
  const what = isInDomain ? "this upgrade domain" : "this state";
  const since = clock(new Date(now) - seconds * 1000);
  return `${duration(seconds)} in ${what}, since ${since}${limit ? ` (timeout ${duration(limit)})` : ""}`;
}

// Nothing is pushed while only time passes, so the times of a record continue on the page.
const ageOf = (record, now) => Math.max(0, secondsBetween(record.observed_at, now));

function healthCheckText(record, now) {
  const limitName = HEALTH_CHECK_LIMITS[record.health_check_phase];
  if (!limitName) return [];
  const limit = record.monitoring_policy && record.monitoring_policy[limitName];
  const elapsed = record.health_check_elapsed_seconds;
  const time = elapsed === null ? "" : ` ${duration(elapsed + ageOf(record, now))}${limit ? ` of ${duration(limit)}` : ""}`;
  return [`Health check, ${stateWords(record.health_check_phase)}${time}`];
}

const nodeText = (node, age) => {
  const phase = node.phase && node.phase !== "Invalid" ? stateWords(node.phase) : "";
  return [node.name, phase, node.duration_seconds ? `for ${duration(node.duration_seconds + age)}` : ""].filter(Boolean).join(" ");
};

function behindText(service) {
  return `${service.name}: ${service.pending_replicas} replicas pending`;
}

// The reasons why an upgrade does not move on, the strongest kind of reason only.
function waitsFor(wait, task, now) {
  const record = wait.record;
  if (task.state === "awaiting_input") return ["A person: answer the question under Required Actions of the task in Airflow"];
  if (record.outcome === "paused") {
    const next = record.next_domain ? `. It continues with upgrade domain ${record.next_domain}` : "";
    return [`A person must resume the upgrade, or roll it back${next}`];
  }
  const checks = record.pending_safety_checks;
  if (checks.length) return [...checks, ...andMore(record.omitted.pending_safety_checks, "checks")];
  const health = healthCheckText(record, now);
  if (health.length) return health;
  const nodes = record.current_domain ? record.current_domain.nodes : [];
  if (nodes.length) return nodes.map((node) => nodeText(node, ageOf(record, now)));
  const behind = record.services.filter((service) => service.pending_replicas > 0);
  return behind.slice(0, 5).map(behindText);
}

function whatFollows(wait) {
  const record = wait.record;
  const policy = record.monitoring_policy || {};
  if (record.outcome === "paused") return null;
  if (record.outcome === "rolling_back") return "The wait ends when the rollback has completed.";
  if (record.rolling_upgrade_mode === "UnmonitoredManual") return "Service Fabric pauses before each upgrade domain.";
  if (record.rolling_upgrade_mode === "UnmonitoredAuto") return "Service Fabric checks no health: the upgrade completes even if the application is unhealthy.";
  if (record.rolling_upgrade_mode !== "Monitored") return null;
  const limits = [policy.domain_timeout_seconds && "an upgrade domain takes too long", policy.upgrade_timeout_seconds && "the upgrade takes too long"];
  const cause = ["a health check fails", ...limits.filter(Boolean)].join(" or ");
  if (policy.failure_action === "Rollback") return `If ${cause}, Service Fabric rolls back.`;
  if (policy.failure_action === "Manual") return `If ${cause}, Service Fabric pauses, and a person must decide.`;
  return null;
}

function expectedEnd(wait, past, now) {
  const record = wait.record;
  if (!past || !past.length || record.outcome !== "in_progress" || !record.started_at) return null;
  const [shortest, middle, longest] = [past[0], past[Math.floor((past.length - 1) / 2)], past[past.length - 1]];
  const range = shortest === longest ? duration(longest) : `${duration(shortest)} to ${duration(longest)}`;
  const basis = past.length === 1 ? `the last one took ${range}` : `the last ${past.length} took ${range}`;
  const elapsed = secondsBetween(record.started_at, now);
  if (elapsed > longest) return `Later than usual: ${duration(elapsed)} so far, ${basis}`;
  return `About ${clock(new Date(record.started_at).getTime() + middle * 1000)}: ${basis}`;
}

function failureText(record) {
  if (!record.failed_at && !record.failure_reason) return null;
  const where = record.failure_domain ? ` in upgrade domain ${record.failure_domain}` : "";
  const when = record.failed_at ? ` at ${clock(record.failed_at)}` : "";
  return `Failed${where}${when}${record.failure_reason ? `: ${record.failure_reason}` : ""}`;
}

function otherText({ record, verdict }) {
  const found = record.target_version || "an unknown version";
  if (record.outcome === "not_upgraded" || verdict === "succeeded") return `No upgrade; ${found} is deployed`;
  return `Another upgrade than the expected one: ${found} (${stateWords(record.state)})`;
}

const firstReasons = (record) => record.unhealthy_evaluations.slice(0, 2);

// What to know in the first second, in this order: [label, text or texts].
function firstFacts(wait, task, past, now) {
  if (!wait) return [["Task", `${task.state || "no state"}. A deferred task has a record after its first poll, a task in mode poke or reschedule at its end.`]];
  const record = wait.record;
  const outage = wait.unreachable_since && !wait.ended_by
    ? [["No answer", `since ${clock(wait.unreachable_since)} (${duration(secondsBetween(wait.unreachable_since, now))})${wait.error ? `: ${wait.error.message}` : ""}`]]
    : [];
  if (!record) return [...outage, ["On record", "Nothing: it does not exist yet"]];
  if (!isExpected(wait)) return [...outage, ["On record", otherText(wait)]];
  const failure = [["Failure", failureText(record)], ["Why", firstReasons(record)]];
  if (isActive(wait)) {
    return [
      ["For", sinceText(wait, now)],
      ...outage,
      ["Waits for", waitsFor(wait, task, now)],
      ...failure,
      ["Next", whatFollows(wait)],
      ["Expected end", expectedEnd(wait, past, now)],
      ["Version", versionText(wait)],
    ];
  }
  if (record.outcome === "rolled_back") {
    const forward = wait.timeline.filter((item) => item.expected && item.outcome === "in_progress").pop();
    const reached = forward ? `${forward.place || ""}, ${clock(forward.last_seen_at)}` : null;
    return [["Not deployed", versions(wait).new], ...failure, ["It had reached", reached], ...outage];
  }
  return [["Version", versionText(wait)], ["Took", record.duration_seconds && duration(record.duration_seconds)], ...failure, ...outage];
}

// --- Elements ---------------------------------------------------------------------------------------------

function element(name, content, attributes = {}) {
  const made = document.createElement(name);
  made.append(...[content].flat(2).filter((part) => part !== null && part !== undefined));
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// A text of a cluster can have letters that change the direction of what follows; <bdi> keeps them in.
const foreign = (text) => element("bdi", String(text));

function section(id, title, content) {
  return element("section", [element("h2", title, { id: `${id}-title` }), content], { id, "aria-labelledby": `${id}-title` });
}

function facts(rows) {
  const filled = rows.filter(([, texts]) => texts && texts.length);
  return element("dl", filled.map(([label, texts]) => [
    element("dt", label),
    element("dd", [texts].flat().map((text) => element("p", foreign(text)))),
  ]));
}

function table(caption, titles, rows) {
  const head = element("thead", element("tr", titles.map((title) => element("th", title, { scope: "col" }))));
  const body = element("tbody", rows.map((cells) => element("tr", cells.map((cell) => element("td", cell)))));
  return element("table", [element("caption", caption, { class: "only-read" }), head, body]);
}

function firstSection(wait, task, past, now) {
  const [word, tone] = headline(wait, task);
  const state = isExpected(wait) ? stateWords(wait.record.state) : "";
  return element("section", [
    element("p", word, { class: "state" }),
    isExpected(wait) ? element("p", foreign(placeText(wait)), { class: "place" }) : null,
    state && state !== word.toLowerCase() ? element("p", foreign(state), { class: "quiet" }) : null,
    facts(firstFacts(wait, task, past, now)),
  ], { id: "first", class: `first ${tone}`, "aria-label": "State" });
}

function domainState(unit, record, old) {
  if (record.failure_domain === unit.name && goesBack(record)) return [`failed here, ${unit.state === "Completed" ? `back on ${old}` : stateWords(unit.state)}`, "bad"];
  if (unit.state === "Failed") return ["failed", "bad"];
  if (unit.state === "InProgress") return [goesBack(record) ? "rolling back" : "in progress", goesBack(record) ? "bad" : "active"];
  if (unit.state === "Completed") return goesBack(record) ? [`back on ${old || "the old version"}`, "warn"] : ["completed", "good"];
  return [stateWords(unit.state), "idle"];
}

function domainItem(unit, record, old, now) {
  const [words, tone] = domainState(unit, record, old);
  const current = record.current_domain;
  const isCurrent = current && current.name === unit.name && isActiveOutcome(record);
  const atFailure = record.failure_domain === unit.name ? record.nodes_at_failure : [];
  const nodes = isCurrent ? current.nodes : atFailure;
  const texts = nodes.map((node) => nodeText(node, isCurrent ? ageOf(record, now) : 0));
  const more = andMore(isCurrent ? record.omitted.current_nodes : nodes.length && record.omitted.nodes_at_failure, "nodes");
  return element("li", [
    element("span", foreign(unit.name), { class: "name" }),
    element("span", foreign(words), { class: "state" }),
    nodes.length ? element("ul", [...texts, ...more].map((text) => element("li", foreign(text))), { "aria-label": isCurrent ? "Nodes" : "Nodes at the failure" }) : null,
  ], { class: tone });
}

function domainSection(wait, now) {
  const record = wait.record;
  const isByUnit = record.upgrade_domains.length === 0;
  const units = isByUnit ? record.upgrade_units : record.upgrade_domains;
  if (!units.length) return null;
  const noun = isByUnit ? "units" : "domains";
  const { old } = versions(wait);
  const done = units.filter((unit) => unit.state === "Completed").length;
  const left = secondsBetween(record.started_at, record.observed_at) - (record.domain_duration_seconds || 0);
  const average = isActive(wait) && record.outcome === "in_progress" && done && record.started_at && !record.omitted[`upgrade_${noun}`]
    ? `Completed ${noun} took ${duration(left / done)} each on average.` : "";
  const more = andMore(record.omitted[`upgrade_${noun}`], noun);
  const list = element("ol", units.map((unit) => domainItem(unit, record, old, now)), { class: "domains" });
  return section("domains", `Upgrade ${noun}`, [list, element("p", [...more, average].join(" "), { class: "quiet" })]);
}

function reasonSection(wait) {
  const known = wait.reasons.length ? wait.reasons : wait.record.unhealthy_evaluations;
  const more = known.filter((text) => !firstReasons(wait.record).includes(text));
  if (!more.length) return null;
  return section("reasons", "More reasons", element("ul", more.map((text) => element("li", foreign(text))), { class: "reasons" }));
}

function serviceSection(record) {
  if (!record.services.length) return null;
  const rows = record.services.map((service) => {
    const [done, pending] = [service.completed_replicas, service.pending_replicas];
    const total = done === null || pending === null ? "?" : done + pending;
    return [foreign(service.name), `${done === null ? "?" : done}/${total}${pending ? ` (${pending} pending)` : ""}`];
  });
  const more = andMore(record.omitted.services, `services, ${record.omitted.services_behind || 0} of them behind`);
  return section("services", "Services", [table("Services", ["Service", "Upgraded replicas"], rows), element("p", more, { class: "quiet" })]);
}

function timelineSection(wait, now) {
  if (!wait.timeline.length) return null;
  const rows = wait.timeline.map((stage, index) => {
    const next = wait.timeline[index + 1];
    const until = next ? next.first_seen_at : isActive(wait) ? now : stage.last_seen_at;
    const lasted = `${clock(stage.first_seen_at)}, ${duration(secondsBetween(stage.first_seen_at, until))}`;
    const notes = [
      stage.expected ? null : "another upgrade",
      stage.failure_reason ? `failed: ${stage.failure_reason}` : null,
      stage.unseen_before ? "the time before is unknown" : null,
      stage.skipped ? `${stage.skipped} earlier states are left out` : null,
    ].filter(Boolean);
    const reached = [stage.place, stage.percent_completed === null ? null : `${Math.round(stage.percent_completed)} %`].filter(Boolean);
    return [lasted, foreign([stateWords(stage.state), ...notes].join("; ")), foreign([...reached, stage.target_version].filter(Boolean).join(", "))];
  });
  return section("timeline", "Timeline", table("Timeline", ["From, for", "State", "Reached, version"], rows));
}

function messageSection(wait) {
  return wait.message ? section("message", "Last message", element("p", foreign(wait.message), { class: "message" })) : null;
}

function taskText(task) {
  const mapped = task.map_index < 0 ? "" : ` [${task.map_index}]`;
  return `${task.task_id}${mapped} of ${task.dag_id}, run ${task.dag_run_id}: ${task.state}, try ${task.try_number}`;
}

function recordSection(task, wait) {
  const { record } = wait;
  return section("record", "Record", facts([
    ["Target", `${kindWords(wait.kind)} ${wait.name}`],
    ["Mode", record && record.rolling_upgrade_mode && stateWords(record.rolling_upgrade_mode)],
    ["Started", record && record.started_at && clock(record.started_at)],
    ["Service Fabric says", record && record.status_details],
    ["Last change", record && record.observed_at && `read at ${clock(record.observed_at)} from ${record.endpoint || "an unknown endpoint"}`],
    ["Wait", `since ${clock(wait.began_at)}, polls: ${wait.polls}, outages: ${wait.outages.count}`],
    ["Task", taskText(task)],
  ]));
}

// Another program may have written the XCom: name it if it has not the form that this page expects.
function shown(make) {
  try {
    return make();
  } catch (error) {
    throw new Error(`the XCom upgrade_wait is malformed (${error.message})`);
  }
}

// Replace only what has changed, and keep the focus: a reader may be in the middle of it.
function show(parts) {
  const content = document.getElementById("content");
  const made = parts.filter(Boolean);
  const focused = document.activeElement && document.activeElement.id;
  if (made.length === content.children.length && made.every((part, index) => part.id === content.children[index].id)) {
    made.forEach((part, index) => {
      if (!part.isEqualNode(content.children[index])) content.children[index].replaceWith(part);
    });
  } else {
    content.replaceChildren(...made);
  }
  const again = focused && document.getElementById(focused);
  if (again && again !== document.activeElement) again.focus();
}

function setText(id, text) {
  const place = document.getElementById(id);
  if (place.textContent !== text) place.textContent = text;
}

// --- The list ---------------------------------------------------------------------------------------------

const pageOf = (at) => `upgrades?${new URLSearchParams({ dag: at.dag_id, run: at.dag_run_id, task: at.task_id, map: at.map_index })}`;

const linkTo = (task, name) => element("a", foreign(name), { href: pageOf(task), id: `link ${pageOf(task)}` });

// A row of the list and its tone. What is wrong with one task must not hide the others.
async function readRow(task) {
  try {
    const wait = await getWait(task);
    return shown(() => ({ task, tone: headline(wait, task)[1], item: listItem(task, wait, new Date()) }));
  } catch (error) {
    return { task, tone: "idle", item: problemItem(task, error.message) };
  }
}

function problemItem(task, problem) {
  return element("li", [
    element("div", [linkTo(task, targetName(null, task)), element("span", "Cannot be read", { class: "state" })], { class: "head" }),
    element("p", foreign(problem)),
    element("p", foreign(taskText(task)), { class: "quiet" }),
  ], { class: "idle" });
}

function listItem(task, wait, now) {
  const [word, tone] = headline(wait, task);
  const isLive = isExpected(wait) && isActive(wait) && !isFirstPollOnly(wait, task);
  return element("li", [
    element("div", [
      linkTo(task, targetName(wait, task)),
      element("span", word, { class: "state" }),
      isExpected(wait) ? element("span", foreign(placeText(wait))) : null,
      isExpected(wait) ? element("span", foreign(versionText(wait)), { class: "quiet" }) : null,
    ], { class: "head" }),
    isLive ? element("p", foreign([sinceText(wait, now), ...waitsFor(wait, task, now).slice(0, 1)].join(". "))) : null,
    element("p", foreign(taskText(task)), { class: "quiet" }),
  ], { class: tone });
}

async function refreshList() {
  const states = ["running", "deferred", "up_for_reschedule", ...(version.pushesProgress ? ["awaiting_input"] : [])];
  const run = query.get("run");
  const where = run ? path("dags", query.get("dag"), "dagRuns", run) : "dags/~/dagRuns/~";
  const asked = { operator: WAITING_CLASSES, limit: MOST_TASKS, ...(run ? {} : { state: states }) };
  const found = await get(`${where}/taskInstances`, asked);
  const tasks = found ? found.task_instances : [];
  const rows = await Promise.all(tasks.map(readRow));
  const rank = ({ tone }) => TONES.indexOf(tone);
  rows.sort((a, b) => rank(a) - rank(b) || String(a.task.start_date).localeCompare(String(b.task.start_date)));
  const noun = run ? "in this run" : "that tasks wait for now";
  const count = rows.length === 1 ? `1 upgrade ${noun}` : `${rows.length || "No"} upgrades ${noun}`;
  const missing = found && found.total_entries > rows.length ? ` (${found.total_entries - rows.length} more are not shown)` : "";
  setText("news", count);
  show([
    element("p", `${count}${missing}`, { id: "count" }),
    element("ul", rows.map(({ item }) => item), { id: "list", class: "upgrades" }),
  ]);
  return Math.max(LIST_SECONDS, (rows.length * 60) / MOST_REQUESTS_PER_MINUTE);
}

// --- One upgrade ------------------------------------------------------------------------------------------

let past = null;

const MOST_HEARTBEAT_SECONDS = 60;

function taskNotice(task, wait) {
  const triggerer = task.state === "deferred" && task.triggerer_job;
  if (triggerer && secondsBetween(triggerer.latest_heartbeat, Date.now()) > MOST_HEARTBEAT_SECONDS) {
    return `The triggerer of this task has sent no heartbeat since ${clock(triggerer.latest_heartbeat)}. What you see may be old.`;
  }
  if (wait && !wait.ended_by && FINAL_TASK_STATES.includes(task.state)) {
    return `Airflow ended the task (${task.state}) before the wait had a result. This is the last record.`;
  }
  if (wait && wait.ended_by && wait.ended_by !== "upgrade") {
    return `The wait has ended (${wait.ended_by}), not the upgrade. This is the last record.`;
  }
  if (isFirstPollOnly(wait, task)) {
    return `Airflow ${version.text} shows the first poll until the task ends. From Airflow 3.3 on this page follows the upgrade.`;
  }
  return "";
}

function sections(task, wait, past, now) {
  return [
    firstSection(wait, task, past, now),
    isExpected(wait) ? reasonSection(wait) : null,
    isExpected(wait) ? domainSection(wait, now) : null,
    isExpected(wait) ? serviceSection(wait.record) : null,
    wait ? timelineSection(wait, now) : null,
    wait ? messageSection(wait) : null,
    wait ? recordSection(task, wait) : null,
  ];
}

async function refreshUpgrade(at) {
  const [task, wait] = await Promise.all([getTask(at), getWait(at)]);
  if (!task) throw new Refused("Airflow does not know this task instance.");
  if (past === null && wait && shown(() => isActive(wait))) past = await readPast(at, wait);
  shown(() => showUpgrade(task, wait));
  return FINAL_TASK_STATES.includes(task.state) ? null : UPGRADE_SECONDS;
}

function showUpgrade(task, wait) {
  const isLive = wait && isActive(wait) && version.pushesProgress && task.state === "deferred";
  const now = isLive ? new Date() : new Date((wait && wait.record && wait.record.observed_at) || Date.now());
  const name = targetName(wait, task);
  setText("title", name);
  document.title = `${headline(wait, task)[0]}: ${name}`;
  setText("notice", taskNotice(task, wait));
  setText("news", [headline(wait, task)[0], isExpected(wait) ? placeText(wait) : ""].join(". "));
  show(sections(task, wait, past, now));
}

// --- Updates ----------------------------------------------------------------------------------------------

let timer = null;
let isBusy = false;
let isStopped = false;

function place() {
  // Airflow leaves {MAP_INDEX} in the address of a task that is not mapped.
  const index = /^\d+$/.test(query.get("map") || "") ? Number(query.get("map")) : -1;
  return { dag_id: query.get("dag"), dag_run_id: query.get("run"), task_id: query.get("task"), map_index: index };
}

async function refresh() {
  version = version || (await readVersion());
  const at = place();
  const seconds = at.task_id ? await refreshUpgrade(at) : await refreshList();
  setText("read", `Read from Airflow at ${clock(new Date())}.${seconds === null ? " The task has ended: no more updates." : ""}`);
  return seconds;
}

async function update() {
  clearTimeout(timer);
  if (isBusy || isStopped || document.hidden) return;
  isBusy = true;
  let seconds = UPGRADE_SECONDS;
  try {
    seconds = await refresh();
  } catch (error) {
    if (error instanceof Refused) seconds = null;
    const problem = `Airflow does not answer as expected: ${error.message}. Trying again every ${seconds} seconds; what you see may be old.`;
    setText("notice", seconds === null ? error.message : problem);
  }
  isBusy = false;
  if (seconds !== null && !document.hidden) timer = setTimeout(update, seconds * 1000);
}

function toggleUpdates() {
  isStopped = !isStopped;
  setText("updates", isStopped ? "Update again" : "Stop updates");
  update();
}

function addLinks() {
  const at = place();
  const isFramed = window.top !== window.self; // Airflow's frame cannot open Airflow's own pages
  const links = [];
  if (at.dag_id) links.push(element("a", "All upgrades", { href: "upgrades" }));
  if (at.task_id && !isFramed) {
    const mapped = at.map_index < 0 ? "" : `/mapped/${at.map_index}`;
    const page = `../${path("dags", at.dag_id, "runs", at.dag_run_id, "tasks", at.task_id)}${mapped}`;
    links.push(element("a", "Task in Airflow", { href: page }));
  }
  if (!at.dag_id && !isFramed) links.push(element("a", "Airflow", { href: "../" }));
  document.querySelector("nav").append(...links);
}

// Airflow stores its own choice of light or dark here.
const theme = localStorage.getItem("theme");
if (["light", "dark"].includes(theme)) document.documentElement.dataset.theme = theme;

addLinks();
document.getElementById("updates").addEventListener("click", toggleUpdates);
document.addEventListener("visibilitychange", update);
update();
