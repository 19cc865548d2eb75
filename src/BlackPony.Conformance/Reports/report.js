// Shows the cases of one verdict; opens the case that the address names.
const show = kind => {
  for (const section of document.querySelectorAll("section")) {
    let any = false;
    for (const item of section.querySelectorAll(".case")) {
      item.hidden = kind !== "all" && !item.classList.contains(kind) && !(kind === "fail" && item.classList.contains("error"));
      any ||= !item.hidden;
    }
    section.hidden = !any;
  }
  for (const button of document.querySelectorAll("[data-show]")) button.setAttribute("aria-pressed", button.dataset.show === kind);
};
for (const button of document.querySelectorAll("[data-show]")) button.addEventListener("click", () => show(button.dataset.show));
const open = () => {
  const item = document.getElementById(location.hash.slice(1));
  if (!item) return;
  if (item.hidden || item.parentElement.hidden) show("all");
  item.setAttribute("open", "");
  item.scrollIntoView();
};
addEventListener("hashchange", open);
open();
