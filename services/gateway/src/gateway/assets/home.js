// The page at "/": how the services are, and what happened last.

import { session } from "./session.js";
import { follow } from "./stream.js";

const SHOWN = 50;
const seen = new Set();
const at = (id) => document.getElementById(id);
let stop = null;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// --- what runs ---

async function lookAround() {
  const answer = await fetch("/api/v1/status", { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return showUnreachable();
  const status = await answer.json();
  at("verdict").textContent = verdict(status);
  at("as-of").textContent = `${new Date(status.at).toISOString().slice(11, 19)} UTC`;
  at("services").replaceChildren(...status.services.map(card));
}

function verdict(status) {
  const trouble = status.services.filter((service) => service.status !== "healthy");
  if (trouble.length === 0) return "Everything runs.";
  if (trouble.length === 1) return `${trouble[0].name} is ${trouble[0].status}.`;
  const names = trouble.map((service) => service.name);
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are in trouble.`;
}

function showUnreachable() {
  at("verdict").textContent = "The gateway does not answer.";
}

function card(service) {
  const made = element("li", "service sheet");
  made.dataset.status = service.status;
  const top = element("div", "top");
  top.append(element("h3", "", service.name), element("span", "word", service.status));
  made.append(top, element("p", "", service.about));
  if (service.parts.length) {
    const parts = element("ul");
    parts.append(...service.parts.map(part));
    made.append(parts);
  }
  return made;
}

function part(one) {
  const made = element("li");
  const state = one.detail || (one.up ? "up" : "down");
  made.append(element("span", one.up ? "dot" : "dot off"), element("span", "", one.name), element("span", "", state));
  return made;
}

// --- last events ---

function line(event, isFresh) {
  const made = element("li", isFresh ? "fresh" : "");
  const details = element("details");
  const summary = element("summary");
  const [, , entity, fact] = event.type.split(".");
  const when = element("time", "", new Date(event.time).toLocaleTimeString([], { hour12: false }));
  when.dateTime = event.time;
  when.title = new Date(event.time).toLocaleString();
  summary.append(
    when,
    element("span", "fact", `${entity} ${fact}`),
    element("span", "subject", event.subject),
    element("span", "version", `v${event.data?.version ?? "?"}`),
  );
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(element("pre", "", JSON.stringify(event, null, 2)));
  });
  made.append(details);
  return made;
}

// Administrators are told of audit entries and sign-ins too; this page is about the plant.
function isOfThePlant(event) {
  const [, service, entity] = event.type.split(".");
  return service !== "gateway" && entity !== "audit";
}

function show(event, isFresh) {
  if (seen.has(event.id) || !isOfThePlant(event)) return;
  seen.add(event.id);
  at("empty").hidden = true;
  at("log").hidden = false;
  at("log").prepend(line(event, isFresh));
  while (at("log").children.length > SHOWN) at("log").lastElementChild.remove();
}

async function showLast() {
  const answer = await session.fetch(`/api/v1/activity?limit=${SHOWN}`);
  if (!answer.ok) return;
  const { data } = await answer.json();
  const fresh = [...at("log").children];
  for (const event of data.reverse()) show(event, false);
  for (const kept of fresh) at("log").prepend(kept);
}

function state(word) {
  if (word === "signed out") return showSignedOut();
  at("live").classList.toggle("on", word === "live");
  at("live-word").textContent = word === "live" ? "live" : "reconnecting";
}

// --- signed in or not ---

async function showSignedIn() {
  const answer = await session.fetch("/api/v1/me");
  if (!answer.ok) return showSignedOut();
  at("who").textContent = (await answer.json()).username;
  at("signin").hidden = true;
  at("session").hidden = false;
  at("empty").hidden = at("log").children.length > 0;
  stop = follow((event) => show(event, true), state);
  await showLast();
}

function showSignedOut() {
  stop?.();
  seen.clear();
  at("log").replaceChildren();
  for (const id of ["log", "empty", "session"]) at(id).hidden = true;
  at("signin").hidden = false;
}

at("signin-form").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const form = submitted.currentTarget;
  const button = form.querySelector("button");
  at("refused").hidden = true;
  button.disabled = true;
  try {
    await session.signIn(form.username.value, form.password.value);
    form.reset();
    await showSignedIn();
  } catch (refused) {
    at("refused").textContent = refused.message;
    at("refused").hidden = false;
  } finally {
    button.disabled = false;
  }
});

at("sign-out").addEventListener("click", async () => {
  await session.signOut();
  showSignedOut();
});

setInterval(lookAround, 5000);
if (session.current) showSignedIn();
