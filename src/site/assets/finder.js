// The field of the front page: finds while one types, by keyboard alone.
(function () {
  "use strict";
  var finder = window.runbookFinder;
  var field = document.getElementById("rb-find");
  if (!finder || !field || finder.show) { return; }
  var box = field.closest(".rb-finder");
  var list = document.getElementById("rb-found");
  var said = document.getElementById("rb-find-said");
  var root = box.getAttribute("data-root");
  var chosen = -1;

  function make(parent, name, className, text) {
    var element = document.createElement(name);
    element.className = className;
    element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function option(one, number) {
    // What is chosen is the link itself: an option must not hold another thing to click.
    var item = make(list, "li", "", "");
    item.setAttribute("role", "presentation");
    var link = make(item, "a", "", "");
    link.href = root + one.href;
    link.id = "rb-found-" + number;
    link.setAttribute("role", "option");
    link.setAttribute("aria-selected", "false");
    link.tabIndex = -1;
    if (one.severity) {
      var level = one.severity.toLowerCase().replace(/[^a-z0-9_-]/g, "");
      make(link, "span", "rb-severity rb-" + level, one.severity);
      link.appendChild(document.createTextNode(" "));
    }
    make(link, "span", "rb-found-text", one.text);
    link.appendChild(document.createTextNode(" "));
    var where = one.text === one.title ? one.kind : one.kind + " \u2192 " + one.title;
    if (one.cause && one.cause !== one.text) { where += ": " + one.cause; }
    make(link, "span", "rb-found-where", where);
  }

  function choose(number) {
    var items = list.querySelectorAll("a");
    if (items[chosen]) { items[chosen].setAttribute("aria-selected", "false"); }
    chosen = items.length ? (number + items.length) % items.length : -1;
    if (items[chosen]) {
      items[chosen].setAttribute("aria-selected", "true");
      items[chosen].scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", items[chosen].id);
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  finder.show = function () {
    var text = field.value.trim();
    var found = text ? finder.find(text) : [];
    list.textContent = "";
    chosen = -1;
    found.forEach(option);
    list.hidden = found.length === 0;
    field.setAttribute("aria-expanded", String(found.length > 0));
    if (found.length) { choose(0); } else { field.removeAttribute("aria-activedescendant"); }
    said.className = text && !found.length ? "rb-nothing" : "rb-unseen";
    if (!text) { said.textContent = ""; return; }
    said.textContent = found.length
      ? found.length + (found.length === 1 ? " way" : " ways") + " on"
      : "Nothing found. Try fewer words, search the whole book with the key S, or answer the questions below.";
  };

  function clear() {
    field.value = "";
    finder.show();
  }

  function open(aside) {
    var link = list.querySelectorAll("a")[chosen];
    if (!link) { return; }
    if (aside) { window.open(link.href, "_blank", "noopener"); } else { window.location.assign(link.href); }
  }

  field.addEventListener("input", finder.show);
  field.addEventListener("keydown", function (event) {
    // The book's own keys, such as an arrow to the next chapter, are not meant here.
    event.stopPropagation();
    if (event.isComposing || event.altKey) { return; }
    if (event.key === "ArrowDown") { choose(chosen + 1); }
    else if (event.key === "ArrowUp") { choose(chosen - 1); }
    else if (event.key === "Enter") { open(event.ctrlKey || event.metaKey); }
    else if (event.key === "Escape" && field.value) { clear(); }
    else if (event.key === "Escape") { field.blur(); }
    else { return; }
    event.preventDefault();
  });

  // On this page `/` comes here, before it opens the book's own search, which S does.
  document.addEventListener("keydown", function (event) {
    var at = event.target;
    var typing = at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName || "");
    if (event.key !== "/" || typing || event.altKey || event.ctrlKey || event.metaKey) { return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    field.focus();
    field.select();
    box.scrollIntoView({ block: "nearest" });
  }, true);

  // At a desk one can type at once; a telephone would cover the page with its keyboard.
  var desk = !window.matchMedia("(pointer: coarse)").matches;
  if (desk && !window.location.hash && document.activeElement === document.body) {
    field.focus({ preventScroll: true });
  }
  // Whoever comes back finds what was typed.
  window.addEventListener("pageshow", function () { if (field.value) { finder.show(); } });
})();
