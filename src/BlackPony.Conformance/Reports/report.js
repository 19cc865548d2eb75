// Shows the cases of one verdict that have the words; opens the case that the address names.
const search = document.querySelector("input[type=search]");
const texts = new Map();
const fits = {
  all: () => true,
  run: c => ["pass", "fail", "warn", "error", "blocked"].some(v => c.contains(v)),
  fail: c => c.contains("fail") || c.contains("error"),
};
let kind = "run";
const show = () => {
  const words = search.value.toLowerCase().split(" ").filter(w => w);
  let found = false;
  for (const section of document.querySelectorAll("section[id]")) {
    let any = false;
    for (const item of section.querySelectorAll(".case")) {
      if (!texts.has(item)) texts.set(item, [...item.querySelectorAll(".id, .title, .requirements, .finding")].map(e => e.textContent).join(" ").toLowerCase());
      item.hidden = !(fits[kind] ?? (c => c.contains(kind)))(item.classList) || !words.every(w => texts.get(item).includes(w));
      any ||= !item.hidden;
    }
    section.hidden = !any;
    found ||= any;
  }
  document.querySelector(".none-found").hidden = found || !document.querySelector(".case");
  for (const button of document.querySelectorAll("[data-show]")) button.setAttribute("aria-pressed", button.dataset.show === kind);
};
for (const button of document.querySelectorAll("[data-show]")) button.addEventListener("click", () => { kind = button.dataset.show; show(); });
search.addEventListener("input", show);
const open = () => {
  const item = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!item) return;
  if (item.hidden || item.parentElement.hidden) { kind = "all"; search.value = ""; show(); }
  if (item.classList.contains("case")) item.setAttribute("open", "");
  item.scrollIntoView();
};
// On paper nobody can open them.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".case.fail:not([open]), .case.error:not([open]), .causes details:not([open])")];
  for (const item of opened) item.setAttribute("open", "");
});
addEventListener("afterprint", () => { for (const item of opened) item.removeAttribute("open"); });
addEventListener("hashchange", open);
show();
open();
