// Server-sent events over fetch, because EventSource cannot carry a token. Resumes from the last position by itself.

import { session } from "./session.js";

// Calls onEvent(cloudEvent) for every event and onState("live" | "waiting" | "signed out"). Answers a function that stops it.
export function follow(onEvent, onState) {
  const stop = new AbortController();
  run(stop.signal, onEvent, onState);
  return () => stop.abort();
}

async function run(signal, onEvent, onState) {
  let position = null;
  for (let wait = 500; !signal.aborted; wait = Math.min(wait * 2, 10000)) {
    try {
      const headers = position ? { "Last-Event-ID": position } : {};
      const answer = await session.fetch("/api/v1/events/stream", { headers, signal });
      if (answer.status === 401) return onState("signed out");
      if (answer.status === 400 || answer.status === 410) position = null;
      if (answer.ok) {
        onState("live");
        wait = 500;
        for await (const frame of frames(answer.body)) {
          position = frame.id ?? position;
          if (frame.data) onEvent(JSON.parse(frame.data));
        }
      }
    } catch (error) {
      if (signal.aborted) return;
    }
    onState("waiting");
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

async function* frames(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    held += value;
    const parts = held.split("\n\n");
    held = parts.pop();
    for (const part of parts) yield fields(part);
  }
}

function fields(part) {
  const found = {};
  for (const line of part.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) found[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, "");
  }
  return found;
}
