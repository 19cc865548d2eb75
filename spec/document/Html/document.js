// What a reader needs of a long text: search, where one is, one role's requirements, and links to copy. Without scripts all of it is readable.
const nav = document.querySelector("nav");
const requirements = [...document.querySelectorAll("ul.requirements > li[id]")];

// A requirement is the role's that its first words name; else it is both roles'.
for (const item of requirements) {
  const text = item.textContent.replace(item.querySelector("a.id").textContent, "").trim();
  const role = /^(?:A|An|The|Each) (?:relaying )?(server|relay|client|mailer)\b/i.exec(text)?.[1].toLowerCase();
  if (role) item.dataset.role = role === "server" || role === "relay" ? "server" : "client";
}
const tools = document.createElement("div");
tools.className = "tools";
tools.innerHTML = `<input type="search" aria-label="Search in the specification" placeholder="search">
<select aria-label="Requirements of"><option value="">both roles</option><option value="server">server</option><option value="client">client</option></select>
<ol class="found" aria-live="polite"></ol>`;
nav.prepend(tools);
const [search, role, found] = tools.children;
role.addEventListener("change", () => {
  for (const item of requirements) item.hidden = role.value !== "" && (item.dataset.role ?? role.value) !== role.value;
});

// Headings, requirements, rows of tables and paragraphs that have all the words.
const places = [...document.querySelectorAll("main h2, main h3, main ul.requirements > li, main tr, main p")];
const anchor = place => {
  for (let e = place; e && e.tagName !== "MAIN"; e = e.parentElement) {
    if (e.id) return e;
    for (let s = e.previousElementSibling; s; s = s.previousElementSibling) if (s.id) return s;
  }
};
const plain = place => {
  const copy = place.cloneNode(true);
  copy.querySelectorAll("details").forEach(d => d.remove());
  copy.querySelectorAll("td, th, a.id").forEach(c => c.append(" · "));
  return copy.textContent.trim().replace(/\s+/g, " ").replace(/ ·$/, "");
};
const texts = places.map(plain);
search.addEventListener("input", () => {
  found.replaceChildren();
  const wanted = search.value.toLowerCase().split(" ").filter(w => w);
  if (!wanted.length) return;
  const fits = places.keys().filter(i => wanted.every(w => texts[i].toLowerCase().includes(w)));
  for (const i of [...fits].slice(0, 40)) {
    const [to, text] = [anchor(places[i]), texts[i]];
    if (!to) continue;
    const link = document.createElement("a");
    link.href = "#" + to.id;
    const at = Math.max(0, text.toLowerCase().indexOf(wanted[0]) - 30);
    link.textContent = (at ? "…" : "") + text.slice(at, at + 90);
    found.append(document.createElement("li"));
    found.lastChild.append(link);
  }
  if (!found.children.length) found.append(Object.assign(document.createElement("li"), { textContent: "nothing found" }));
});
search.addEventListener("keydown", e => { if (e.key === "Enter") found.querySelector("a")?.click(); });

// The section that is read now.
const links = new Map([...nav.querySelectorAll("details a")].map(a => [a.getAttribute("href").slice(1), a]));
const headings = [...document.querySelectorAll("main h2[id], main h3[id]")];
let current;
const mark = () => {
  const heading = headings.findLast(h => h.getBoundingClientRect().top < innerHeight / 4) ?? headings[0];
  const link = links.get(heading?.id);
  if (link === current) return;
  current?.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
  current = link;
  if (getComputedStyle(nav).position === "sticky") link?.scrollIntoView({ block: "nearest" });
};
addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
mark();

// What scrolls sideways can be reached with the keyboard.
for (const e of document.querySelectorAll(".packet, pre")) if (e.scrollWidth > e.clientWidth) e.tabIndex = 0;

// An id is a link; a click copies it.
for (const id of document.querySelectorAll("a.id")) {
  id.title = "Copy the link";
  id.addEventListener("click", () => {
    navigator.clipboard?.writeText(id.href).then(() => {
      id.dataset.copied = "";
      setTimeout(() => delete id.dataset.copied, 1500);
    }, () => {});
  });
}
