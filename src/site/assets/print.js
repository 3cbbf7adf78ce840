// The runbook on paper: folds are opened where style sheets cannot do it, all at once, so without their
// names; a line of a command that is too long goes on with an indentation.
(function () {
  "use strict";
  var runbook = window.runbook;
  if (runbook.undo) { return; }
  runbook.undo = [];
  var names = [];

  function open(fold) {
    var name = fold.getAttribute("name");
    var was = fold.open;
    fold.removeAttribute("name");
    runbook.undo.push(function () { fold.open = was; });
    if (name !== null) { names.push(function () { fold.setAttribute("name", name); }); }
  }

  function lines(pre) {
    var code = runbook.code(pre);
    var nodes = Array.from(code.childNodes);
    var text = code.textContent.replace(/\n$/, "");
    runbook.undo.push(function () { code.replaceChildren.apply(code, nodes); });
    code.replaceChildren.apply(code, text.split("\n").map(function (line) {
      return runbook.make("span", "rb-line", line || " ");
    }));
  }

  window.addEventListener("beforeprint", function () {
    var folds = Array.from(document.querySelectorAll(".rb-branch, .rb-expected"));
    folds.forEach(open);
    folds.forEach(function (fold) { fold.open = true; });
    runbook.all().forEach(lines);
  });
  window.addEventListener("afterprint", function () {
    // Names last: of folds with one name only one is open.
    runbook.undo.splice(0).concat(names.splice(0)).forEach(function (undo) { undo(); });
  });
})();
