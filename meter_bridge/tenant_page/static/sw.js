// Keeps the files of the page on the phone, never what the bridge says: money is only ever shown as it was answered.

const NAME = "page-3";
const FILES = ["/my/", "page.css", "app.js", "dom.js", "api.js", "home.js", "pay.js", "more.js", "words.en.json", "icon.svg", "page.webmanifest"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(FILES.map((each) => new URL(each, `${location.origin}/my/`)))));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((names) => Promise.all(names.filter((each) => each !== NAME).map((each) => caches.delete(each)))));
  self.clients.claim();
});

self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || !pathname.startsWith("/my/")) return;
  const name = event.request.mode === "navigate" ? "/my/" : event.request;
  event.respondWith((async () => {
    const cache = await caches.open(NAME);
    const kept = await cache.match(name);
    const fresh = fetch(event.request).then((response) => {
      if (response.ok) cache.put(name, response.clone());
      return response;
    });
    if (!kept) return fresh;
    event.waitUntil(fresh.catch(() => {}));
    return kept;
  })());
});
