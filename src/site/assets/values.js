// The reader's values: from the address or the form, remembered for the visit, shown in each block.
(function () {
  "use strict";
  var runbook = window.runbook;
  var form = document.querySelector(".rb-values form");
  if (runbook.values || !form || !runbook.single()) { return; }
  var quoting = runbook.quoting;
  var inputs = Array.from(form.querySelectorAll("input[data-value]"));
  var shown = new WeakMap();
  // Name to { value, fromLink }, for all pages.
  var values = runbook.values = runbook.recall("values") || {};

  function labelOf(name) {
    var input = form.querySelector("input[data-value=\"" + name + "\"]");
    return input ? input.parentElement.querySelector("span").textContent : name;
  }

  function valueOf(name) {
    var input = form.querySelector("input[data-value=\"" + name + "\"]");
    var own = Object.prototype.hasOwnProperty.call(values, name) ? values[name] : null;
    var is = own && typeof own.value === "string" && own.value !== "" &&
      own.value !== (input && input.getAttribute("data-default"));
    return is ? own : null;
  }

  function list(pre, attribute) {
    var text = pre.getAttribute(attribute);
    return text ? text.split(" ").map(function (one) { return one.split(":"); }) : [];
  }

  // The values that stand in the block, each once.
  runbook.filled = function (pre) {
    var names = list(pre, "data-fill").concat(list(pre, "data-export")).map(function (one) { return one[0]; });
    return Array.from(new Set(names)).filter(valueOf).map(function (name) {
      var own = valueOf(name);
      return { name: name, label: labelOf(name), value: own.value, fromLink: own.fromLink === true };
    });
  };

  // Why the values cannot stand in the block, or "".
  runbook.refused = function (pre) {
    var reasons = runbook.filled(pre).map(function (own) {
      var fault = quoting.fault(own.value);
      if (fault) { return own.label + " " + fault + "."; }
      if (list(pre, "data-fill").some(function (one) {
        return one[0] === own.name && one[3] === "plain" && !quoting.isPlain(own.value);
      })) {
        return own.label + " can only have letters, digits and . _ : @ + - here, because a shell may read it twice.";
      }
      if (list(pre, "data-export").some(function (one) {
        return one[0] === own.name && one[2] === "plain" && !quoting.isPlainPath(own.value);
      })) {
        return own.label + " can only have letters, digits and / . _ : @ + - here, because a shell may read it twice.";
      }
      return "";
    });
    return reasons.filter(Boolean).join(" ");
  };

  // The text with the values, and where they stand in it.
  function fill(pre) {
    var text = runbook.original(pre);
    var parts = [];
    var marks = [];
    var length = 0;
    var at = 0;
    function add(part, isValue) {
      if (isValue) { marks.push([length, length + part.length]); }
      parts.push(part);
      length += part.length;
    }
    list(pre, "data-export").forEach(function (one) {
      var own = valueOf(one[0]);
      if (own) {
        add(quoting.assignment(one[1], own.value), true);
        add("\n", false);
      }
    });
    list(pre, "data-fill").forEach(function (one) {
      var own = valueOf(one[0]);
      var quoted = own && quoting.quoted(own.value, one[3]);
      if (quoted === null) { return; }
      add(text.slice(at, Number(one[1])), false);
      add(quoted, true);
      at = Number(one[2]);
    });
    add(text.slice(at), false);
    return { text: parts.join(""), marks: marks };
  }

  runbook.text = function (pre) {
    var any = runbook.filled(pre).length > 0;
    return any && !runbook.refused(pre) ? fill(pre).text : runbook.original(pre);
  };

  // Parts of the text nodes between two places, each in a mark.
  function mark(code, from, to) {
    var walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
    var pieces = [];
    var at = 0;
    for (var node = walker.nextNode(); node; node = walker.nextNode()) {
      var first = Math.max(from - at, 0);
      var last = Math.min(to - at, node.data.length);
      if (first < last) { pieces.push([node, first, last]); }
      at += node.data.length;
    }
    pieces.forEach(function (piece) {
      var range = document.createRange();
      range.setStart(piece[0], piece[1]);
      range.setEnd(piece[0], piece[2]);
      range.surroundContents(runbook.make("mark", "rb-value"));
    });
  }

  function show(pre, text, marks) {
    var code = runbook.code(pre);
    code.textContent = text;
    if (window.hljs && document.readyState !== "loading") { window.hljs.highlightBlock(code); }
    if (code.textContent === text) {
      marks.forEach(function (one) { mark(code, one[0], one[1]); });
    }
  }

  function note(pre, text) {
    var old = pre.querySelector(".rb-refused");
    if (old) { old.remove(); }
    if (text) {
      pre.insertBefore(runbook.make("span", "rb-refused", "Not filled in, and not copied: " + text), runbook.code(pre));
    }
  }

  function update(pre) {
    if (!pre.hasAttribute("data-fill") && !pre.hasAttribute("data-export")) { return; }
    var code = runbook.code(pre);
    runbook.original(pre);
    if (!shown.has(pre)) { shown.set(pre, { html: code.textContent, filled: false }); }
    var state = shown.get(pre);
    var refused = runbook.refused(pre);
    var filled = !refused && runbook.filled(pre).length > 0;
    note(pre, refused);
    pre.classList.toggle("rb-has-values", filled);
    if (filled) {
      var now = fill(pre);
      show(pre, now.text, now.marks);
    } else if (state.filled) {
      show(pre, state.html, []);
    }
    state.filled = filled;
  }

  function summarise() {
    var text = inputs.map(function (input) {
      var own = valueOf(input.getAttribute("data-value"));
      return own ? labelOf(input.getAttribute("data-value")) + " = " + own.value + (own.fromLink ? " (from the link)" : "") : "";
    }).filter(Boolean).join(", ");
    form.parentElement.querySelector(".rb-filled-in").textContent =
      text || "fill them in, and the commands of the book have them";
    inputs.forEach(function (input) {
      var own = valueOf(input.getAttribute("data-value"));
      var fault = own ? quoting.fault(own.value) : "";
      var line = input.closest(".rb-field").querySelector(".rb-field-note");
      var said = fault ? "It " + fault + "; no block that needs it can be copied." : own && own.fromLink ? "From the link: check it." : "";
      if (line.textContent !== said) { line.textContent = said; }
      input.setAttribute("aria-invalid", fault ? "true" : "false");
    });
  }

  function all() {
    runbook.all().forEach(update);
    summarise();
  }

  function set(name, value, fromLink) {
    if (value === "") { delete values[name]; } else { values[name] = { value: value, fromLink: fromLink }; }
    runbook.remember("values", Object.keys(values).length ? values : null);
  }

  var query = new URLSearchParams(window.location.search);
  inputs.forEach(function (input) {
    var name = input.getAttribute("data-value");
    var given = query.get(input.getAttribute("data-query"));
    // Longer than any value may be, but not too long to be shown.
    if (given) { set(name, given.slice(0, 300), true); }
    var own = valueOf(name);
    input.value = own ? own.value : "";
    input.addEventListener("input", function () {
      set(name, input.value, false);
      all();
    });
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("reset", function () {
    inputs.forEach(function (input) { set(input.getAttribute("data-value"), "", false); });
    window.setTimeout(function () {
      inputs.forEach(function (input) { input.value = ""; });
      all();
    }, 0);
  });
  all();
  // Again once the commands have been highlighted, which takes the marks away.
  document.addEventListener("DOMContentLoaded", all);
})();
