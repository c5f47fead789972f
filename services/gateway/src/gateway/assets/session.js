// A sign-in that lives as long as the tab: tokens stay in this tab's storage and go nowhere but into requests.

const KEY = "takt.session";
let refreshing = null;

export const session = {
  get current() {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null");
  },

  async signIn(username, password) {
    const answer = await post("/api/v1/auth/login", { username, password });
    if (!answer.ok) throw new Error(await reason(answer));
    keep(await answer.json());
  },

  async signOut() {
    await this.fetch("/api/v1/auth/logout", { method: "POST" }).catch(() => null);
    sessionStorage.removeItem(KEY);
  },

  // As fetch, signed in; an access token that is over is renewed once. Answers 401 when the sign-in is over.
  async fetch(path, options = {}) {
    const first = await send(path, options);
    return first.status === 401 && (await renew()) ? send(path, options) : first;
  },
};

function keep(tokens) {
  sessionStorage.setItem(KEY, JSON.stringify({ access: tokens.access_token, refresh: tokens.refresh_token }));
}

function send(path, options) {
  const headers = { ...options.headers, Authorization: `Bearer ${session.current?.access ?? ""}` };
  return fetch(path, { ...options, headers, cache: "no-store" });
}

// A refresh token works once, so all who need a new access token share one refresh.
function renew() {
  refreshing ??= refresh().finally(() => (refreshing = null));
  return refreshing;
}

async function refresh() {
  const held = session.current;
  if (!held) return false;
  const answer = await post("/api/v1/auth/refresh", { refresh_token: held.refresh });
  if (answer.ok) keep(await answer.json());
  else if (answer.status === 401) sessionStorage.removeItem(KEY);
  return answer.ok;
}

function post(path, body) {
  return fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

async function reason(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problem.detail ?? `The gateway answered ${answer.status}.`;
}
