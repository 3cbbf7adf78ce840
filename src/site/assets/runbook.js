(function () {
  "use strict";
  if (window.runbook) { return; }
  window.runbook = true;
  // Before mdBook's own handler: a destructive block is copied only on a second thought.
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest(".clip-button");
    var pre = button && button.closest("pre");
    var code = pre && pre.querySelector("code");
    if (!code) { return; }
    if (code.classList.contains("rb-danger") && !window.confirm("These commands destroy or end something. Copy them?")) {
      event.stopImmediatePropagation();
      event.preventDefault();
      return;
    }
    if (/\blanguage-(console|shell-session)\b/.test(code.className) && navigator.clipboard) {
      event.stopImmediatePropagation();
      var open = false;
      var lines = code.innerText.split("\n").map(function (line) {
        if (line.startsWith("$ ")) { open = true; return line.slice(2); }
        if (open && line.startsWith("> ")) { return line.slice(2); }
        open = false;
        return null;
      });
      navigator.clipboard.writeText(lines.filter(function (line) { return line !== null; }).join("\n"));
    }
  }, true);
  // Where style sheets cannot open the folds of a tree for the printer: all at once, so without their names.
  var folds = [];
  window.addEventListener("beforeprint", function () {
    folds = Array.from(document.querySelectorAll(".rb-branch")).map(function (fold) {
      return { fold: fold, name: fold.getAttribute("name"), open: fold.open };
    });
    folds.forEach(function (one) { one.fold.removeAttribute("name"); });
    folds.forEach(function (one) { one.fold.open = true; });
  });
  window.addEventListener("afterprint", function () {
    folds.forEach(function (one) { one.fold.open = one.open; });
    folds.forEach(function (one) { one.fold.setAttribute("name", one.name); });
    folds = [];
  });
})();
