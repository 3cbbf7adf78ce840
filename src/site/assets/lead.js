// Leads on at once where there is one way, with the query and the fragment of whoever comes.
(function () {
  "use strict";
  var links = document.querySelectorAll("a.rb-lead");
  links.forEach(function (link) {
    var to = new URL(link.href);
    to.search = window.location.search;
    if (window.location.hash.length > 1) { to.hash = window.location.hash; }
    link.href = to.href;
  });
  if (links.length === 1) { window.location.replace(links[0].href); }
})();
