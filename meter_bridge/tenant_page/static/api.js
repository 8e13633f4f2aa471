// What the page asks of the bridge. The session is a cookie that no script can read.

import { h, knows, say, state } from "/my/dom.js";

const PAUSES_MS = [1000, 2000, 4000];

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.message || "");
    this.status = status;
    this.code = problem.code;
    this.remedy = problem.remedy;
  }

  // Whether what was asked may have been done all the same: the answer was lost, or somebody on the way gave it.
  get unanswered() {
    return this.status === 0 || (this.status >= 500 && this.code !== "provider_unavailable");
  }

  get text() {
    const key = `error.${this.code}`;
    const minutes = (this.remedy || "").match(/\d+/)?.[0] || "60";
    if (this.code === "too_many_requests") return say(key, { minutes, count: Number(minutes) });
    return say(knows(key) ? key : "error.other"); // The bridge's own message is English.
  }
}

export async function ask(method, path, body, key) {
  const headers = { "Prepaid-Page": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["Idempotency-Key"] = key;
  try {
    const response = await fetch(`/api/v1/${path}`, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin",
    });
    if (response.status === 204) return null;
    const answer = await response.json();
    if (response.ok) return answer;
    throw new Refusal(response.status, answer);
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(0, { code: "offline" });
  }
}

// Asks for what happens once per key. Without an answer it asks again by the same key, which cannot do it twice.
export async function askOnce(path, body, key, place) {
  for (const pause of [...PAUSES_MS, null]) {
    try {
      return await ask("POST", path, body, key);
    } catch (refusal) {
      if (!refusal.unanswered) throw refusal;
      if (pause === null) throw new Refusal(0, { code: "unanswered" });
      place?.replaceChildren(state("warn", say("asking.again"), "", true));
      await new Promise((done) => { setTimeout(done, pause); });
    }
  }
}

// Says in its place what became of a request.
export function tell(place, problem) {
  const title = problem.code === "unanswered" ? say("unanswered") : problem.title;
  place.replaceChildren(title ? state("warn", title, problem.text) : h("p", { class: "error" }, problem.text));
}

export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((each) => each.toString(16).padStart(2, "0")).join("");
}

// A key lives until what it stands for is done: a second click, a reload or the back button asks for the same thing.
export function keyFor(what) {
  const name = `key ${what}`;
  const key = sessionStorage.getItem(name) || newKey();
  sessionStorage.setItem(name, key);
  return key;
}

export function forgetKey(what) {
  sessionStorage.removeItem(`key ${what}`);
}

export async function account() {
  const found = (await ask("GET", "accounts")).accounts[0];
  if (!found) throw new Refusal(401, { code: "not_authenticated" });
  localStorage.setItem("last", JSON.stringify({ at: Date.now(), account: found }));
  return found;
}

export function lastKnown() {
  try {
    return JSON.parse(localStorage.getItem("last"));
  } catch {
    return null;
  }
}
