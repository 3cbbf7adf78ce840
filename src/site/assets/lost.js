// The page for addresses that do not exist: knows alerts, old addresses and pages by their names.
(function () {
  "use strict";
  var finder = window.runbookFinder;
  var list = document.getElementById("rb-guesses");
  if (!finder || !list) { return; }
  var here = window.location;

  function decoded(text) {
    try { return decodeURIComponent(text); } catch (broken) { return text; }
  }

  // Case, extension, a last slash and what only separates words do not count.
  function name(text) {
    return text.toLowerCase().replace(/(\/|\/index)?(\.html?|\.md)?\/*$/, "").replace(/[^\p{L}\p{N}/]+/gu, "");
  }

  function last(path) { return path.slice(path.lastIndexOf("/") + 1); }

  function address(path) { return path.split("/").map(encodeURIComponent).join("/"); }

  // Query and fragment go with whoever comes. The address itself is one of the book's.
  function add(path, text) {
    var item = document.createElement("li");
    var link = document.createElement("a");
    link.href = address(path) + here.search + here.hash;
    link.textContent = text;
    item.appendChild(link);
    list.appendChild(item);
    document.getElementById("rb-meant").hidden = false;
    return link;
  }

  var path = decoded(here.pathname);
  var whole = name(path);
  var short = last(whole);
  var same = finder.addresses.filter(function (one) {
    return short && (last(name(one[1])) === short || name(one[0]) === short || whole.endsWith("/" + name(one[1])));
  });
  var pages = finder.pages.filter(function (page) { return short && last(name(page[0])) === short; });
  same.forEach(function (one) { add(one[1], one[0]); });
  pages.forEach(function (page) { add(page[0], page[1]); });
  // One that differs in nothing but case or ending is the one that was meant.
  if (same.length + pages.length === 1) {
    window.location.replace(list.querySelector("a").href);
    return;
  }
  var field = document.getElementById("rb-find");
  if (field && finder.show && !same.length && short) {
    field.value = finder.words(last(path.replace(/\/+$/, "").replace(/\.[a-z]+$/i, ""))).join(" ");
    finder.show();
  }
})();
