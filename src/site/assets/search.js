// Finds what an operator has typed or pasted among the entries of the book. No page, no network.
(function () {
  "use strict";
  var finder = window.runbookFinder;
  if (!finder || finder.find) { return; }
  // What one sees comes before what somebody else calls it, where all else is equal.
  var KINDS = { symptom: 1, message: 0.97, alert: 1, cause: 0.95, issue: 0.9, "log line": 0.85, metric: 0.85, term: 0.85, tree: 0.8 };
  // A pasted line may be long; more words than these say nothing new.
  var MOST_WORDS = 80;

  // "EngineDown" is "engine down"; accents and case do not count.
  function words(text) {
    var plain = text.normalize("NFKD").replace(/[\u0300-\u036f]/g, "");
    return plain
      .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, "$1 $2")
      .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, "$1 $2")
      .toLowerCase()
      .replace(/n['\u2019]t\b/g, "nt")
      .split(/[^\p{L}\p{N}]+/u)
      .filter(Boolean);
  }

  function squeezed(text) {
    return text.toLowerCase().replace(/[\s"'`\u2018\u2019\u201c\u201d]+/g, " ").trim();
  }

  // Whether a line holds a pattern, whose [..] or … stands for anything.
  function holds(line, parts) {
    var at = 0;
    return parts.every(function (part) {
      var found = line.indexOf(part, at);
      at = found + part.length;
      return found >= 0;
    });
  }

  var vocabulary = new Map();
  var entries = finder.entries.map(function (entry, number) {
    var own = Array.from(new Set(words(entry[3])));
    own.forEach(function (word) {
      if (!vocabulary.has(word)) { vocabulary.set(word, []); }
      vocabulary.get(word).push(number);
    });
    var parts = squeezed(entry[3]).split(/\[\.\.\]|\u2026/).map(function (part) { return part.trim(); }).filter(Boolean);
    return { kind: entry[0], page: finder.pages[entry[1]], anchor: entry[2], text: entry[3], words: own, raw: squeezed(entry[3]), parts: parts };
  });
  // The causes, by place.
  var causes = new Map();
  entries.forEach(function (entry) {
    if (entry.kind === "cause") { causes.set(entry.page[0] + "#" + entry.anchor, entry.text); }
  });
  var known = Array.from(vocabulary.keys());
  // A single letter is rare, and says next to nothing.
  function weight(word) { return (word.length > 1 ? 1 : 0.2) * Math.log(1 + entries.length / vocabulary.get(word).length); }
  entries.forEach(function (entry) {
    entry.weight = entry.words.reduce(function (sum, word) { return sum + weight(word); }, 0);
  });

  // Optimal string alignment distance, given up as soon as it is more than `most`.
  function distance(a, b, most) {
    var before = [], last = [], row, i, j, least, cost;
    for (j = 0; j <= b.length; j += 1) { last[j] = j; }
    for (i = 1; i <= a.length; i += 1) {
      row = [i];
      least = i;
      for (j = 1; j <= b.length; j += 1) {
        cost = a[i - 1] === b[j - 1] ? 0 : 1;
        row[j] = Math.min(row[j - 1] + 1, last[j] + 1, last[j - 1] + cost);
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
          row[j] = Math.min(row[j], before[j - 2] + 1);
        }
        least = Math.min(least, row[j]);
      }
      if (least > most) { return most + 1; }
      before = last;
      last = row;
    }
    return last[b.length];
  }

  // How well a typed word is a word of the book, from 0 to 1.
  function likeness(typed, word) {
    if (typed === word) { return 1; }
    if (word.startsWith(typed)) { return 0.6 + 0.35 * typed.length / word.length; }
    if (typed.length >= 4 && word.length >= 4 && typed.startsWith(word)) { return 0.6; }
    if (typed.length >= 4 && word.includes(typed)) { return 0.5; }
    var most = typed.length >= 8 ? 2 : typed.length >= 4 ? 1 : 0;
    if (most === 0 || /\d/.test(typed) || Math.abs(typed.length - word.length) > most) { return 0; }
    var far = distance(typed, word, most);
    return far <= most ? 0.75 - 0.15 * far : 0;
  }

  // The words of the book that a typed word may be.
  function meant(typed) {
    if (vocabulary.has(typed) && typed.length > 3) { return [[typed, 1]]; }
    return known.map(function (word) { return [word, likeness(typed, word)]; })
      .filter(function (pair) { return pair[1] > 0; });
  }

  function scores(typed) {
    var matched = new Map();
    var all = 0;
    typed.forEach(function (word) {
      var best = new Map();
      var most = 0;
      meant(word).forEach(function (pair) {
        var worth = pair[1] * weight(pair[0]);
        most = Math.max(most, worth);
        vocabulary.get(pair[0]).forEach(function (number) {
          best.set(number, Math.max(best.get(number) || 0, worth));
        });
      });
      // A word that the book does not have tells nothing, as a time or a number of a process.
      all += most;
      best.forEach(function (worth, number) { matched.set(number, (matched.get(number) || 0) + worth); });
    });
    return { matched: matched, all: all };
  }

  function bonus(entry, line) {
    if (entry.raw === line) { return 4; }
    if (line.length >= 3 && entry.raw.startsWith(line)) { return 1; }
    if (line.length >= 4 && entry.raw.includes(line)) { return 0.6; }
    var length = entry.parts.join("").length;
    if (length >= 8 && holds(line, entry.parts)) { return 1 + Math.min(1, length / 60); }
    return 0;
  }

  // The best entries for a text, best first; each place of the book once.
  finder.find = function (text, most) {
    var line = squeezed(text.slice(0, 4000));
    var typed = Array.from(new Set(words(text.slice(0, 4000)))).slice(0, MOST_WORDS);
    var result = scores(typed);
    var found = [];
    result.matched.forEach(function (worth, number) {
      var entry = entries[number];
      var score = worth / result.all + worth / Math.max(entry.weight, worth);
      if (worth / result.all < 0.2 && worth / entry.weight < 0.5) { return; }
      found.push({ entry: entry, number: number, score: (score + bonus(entry, line)) * KINDS[entry.kind] });
    });
    found.sort(function (a, b) { return b.score - a.score || a.number - b.number; });
    var places = new Set();
    found = found.filter(function (one) {
      var place = one.entry.page[0] + "#" + one.entry.anchor;
      if (places.has(place) || one.score < found[0].score * 0.45) { return false; }
      places.add(place);
      return true;
    });
    return found.slice(0, most || 8).map(function (one) {
      var entry = one.entry;
      return {
        kind: entry.kind, text: entry.text, title: entry.page[1], cause: causes.get(entry.page[0] + "#" + entry.anchor) || "", severity: entry.page[2], score: one.score,
        href: encodeURI(entry.page[0]).replace(/[?#]/g, encodeURIComponent) + (entry.anchor ? "#" + encodeURIComponent(entry.anchor) : "")
      };
    });
  };
  finder.words = words;
})();
