// Placements with mistakes, and what is said about them.

package main

import (
	"encoding/json"
	"strings"
)

// badPlacements are placements and all that is said about them, without the name of the
// file.
var badPlacements = []struct {
	name, text string
	want       []string
}{
	{"empty", ``, []string{
		`1:1: unexpected end of JSON input`,
	}},
	{"cut off", `{"extensions": {`, []string{
		`1:17: unexpected end of JSON input`,
	}},
	{"broken", "{\n  \"extensions\": {,}\n}", []string{
		`2:18: invalid character ',' looking for beginning of object key string`,
	}},
	{"two texts", "{}\n{}", []string{
		`2:1: invalid character '{' after top-level value`,
	}},
	{"no UTF-8", "{\"extensions\": {\"a\xff\": {}}}", []string{
		`1:19: the byte 0xff is no UTF-8: save the text as UTF-8`,
	}},
	{"mark", "\uFEFF{}", []string{
		`1:1: ` + json.Unmarshal([]byte("\uFEFF"), new(any)).Error(), // releases of Go differ in it
	}},
	{"too long", strings.Repeat(" ", maxConfig) + `{}`, []string{
		`1:1: the text is longer than 1048576 bytes: make it shorter`,
	}},
	{"null", `null`, []string{
		`1:1: give an object, in {}`,
	}},
	{"list", `[]`, []string{
		`1:1: give an object, in {}`,
	}},
	{"kinds", `{"extensions": [], "groups": {"ci": 1, "ops": {"pipelines": null}}, "pipelines": {"anything": {"nodes": {"a": "label", "b": {"type": 1, "capabilities": ["limit"]}}}}}`, []string{
		`1:16: give an object, in {}`,
		`1:37: give an object, in {}`,
		`1:61: give an object, in {}`,
		`1:106: node "a" does not say what it is: give it a "type": known are "label", "ship", "throttle"`,
		`1:111: give an object, in {}`,
		`1:134: there is a number: give a text, in quotes`,
		`1:153: give an object, in {}`,
	}},
	{"unknown fields", `{
  "extension": {},
  "groups": {
    "ci": {
      "nodes": {},
      "pipelines": {"tests": {"groups": {}, "nodes": {"a": {"typ": "label"}}}}
    }
  },
  "extensions": {
    "t": {"extension": "token", "level": "engine", "config": {"subject": "s", "secret": "s", "lifetime": "1h", "Tokens": 1}},
    "d": {"extension": "dataset", "config": {"sources": [{"name": "n", "entries": {"*": "x"}, "priority": 1}]}}
  }
}`, []string{
		`2:3: nothing here is called "extension": did you mean "extensions"?`,
		`5:7: nothing here is called "nodes": known are "extensions", "pipelines"`,
		`6:31: nothing here is called "groups": known are "extensions", "nodes"`,
		`6:55: node "a" does not say what it is: give it a "type": known are "label", "ship", "throttle"`,
		`6:61: nothing here is called "typ": did you mean "type"?`,
		`10:33: nothing here is called "level": known are "config", "extension"`,
		`10:112: nothing here is called "Tokens": did you mean "tokens"?`,
		`11:95: nothing here is called "priority": known are "entries", "every", "file", "name"`,
	}},
	{"written twice", `{
  "extensions": {},
  "extensions": {
    "d": {"extension": "dataset", "config": {"sources": [{"name": "n", "entries": {"a": "x", "\u0061": "y"}}]}},
    "d": {"extension": "token"}
  }
}`, []string{
		`3:3: "extensions" stands here twice, first at 2:3: drop one`,
		`4:94: "a" stands here twice, first at 4:84: drop one`,
		`5:5: "d" stands here twice, first at 4:5: drop one`,
	}},
	{"unknown names", `{
  "extensions": {
    "a": {"extension": "tokn"},
    "b": {"extension": "database"},
    "c": {}
  },
  "groups": {
    "op": {"pipelines": {"requests": {}, "request": {}}},
    "ops": {
      "pipelines": {
        "tests": {},
        "packages": {"nodes": {"x": {"type": "lable"}, "y": {}, "z": {"type": "sample"}}}
      }
    }
  },
  "pipelines": {"requests": {}}
}`, []string{
		`3:24: there is no extension "tokn": did you mean "token"?`,
		`4:24: there is no extension "database": did you mean "dataset"?`,
		`5:5: instance "c" does not say of what: give it an "extension": known are "dataset", "ratelimit", "token"`,
		`8:5: there is no group "op": did you mean "ops"?`,
		`8:26: pipeline "requests" is in group "ops": place it there`,
		`8:42: there is no pipeline "request": did you mean "requests"?`,
		`11:9: pipeline "tests" is in group "ci": place it there`,
		`12:46: there is no node of type "lable": did you mean "label"?`,
		`12:56: node "y" does not say what it is: give it a "type": known are "label", "ship", "throttle"`,
		`12:79: there is no node of type "sample": known are "label", "ship", "throttle"`,
		`16:17: pipeline "requests" is in group "ops": place it there`,
	}},
	{"no group", `{"groups": {"ci": {"pipelines": {"anything": {}}}}}`, []string{
		`1:34: pipeline "anything" is in no group: place it beside the groups`,
	}},
	{"names of instances", `{
  "extensions": {
    "": {"extension": "ratelimit", "config": {"events": 1, "every": "1s"}},
    "two words": {"extension": "ratelimit", "config": {"events": 1, "every": "1s"}},
    "once": {"extension": "ratelimit", "config": {"events": 1, "every": "1s"}}
  },
  "groups": {"ci": {"extensions": {"once": {"extension": "ratelimit", "config": {"events": 1, "every": "1s"}}}}}
}`, []string{
		`3:5: instance "" of "ratelimit": the name of the instance is empty: give it one`,
		`4:5: instance "two words" of "ratelimit": the name of the instance holds a space at byte 3: use printable characters without spaces`,
		`7:36: an instance at 5:5 is called "once" too: give each a name of its own`,
	}},
	{"names of nodes", `{
  "extensions": {"d": {"extension": "dataset", "config": {"sources": [{"name": "n", "entries": {}}]}}},
  "groups": {
    "ci": {
      "pipelines": {
        "tests": {
          "nodes": {
            "severity": {"type": "label", "capabilities": {"lookup": "d"}},
            "slowest": {"type": "label", "capabilities": {"lookup": "d"}},
            "two words": {"type": "label", "capabilities": {"lookup": "d"}}
          }
        }
      }
    }
  }
}`, []string{
		`8:13: pipeline "tests" has a provider "severity" without this node: give the node another name`,
		`9:13: pipeline "tests" has a provider "slowest" without this node: give the node another name`,
		`10:13: a node cannot be called "two words": choose a short name without spaces`,
	}},
	{"levels", `{
  "groups": {
    "ci": {
      "pipelines": {
        "tests": {
          "extensions": {
            "t": {"extension": "token", "config": {"subject": "s", "secret": "s", "lifetime": "1h"}}
          }
        }
      }
    }
  }
}`, []string{
		`7:13: instance "t" of "token": it is placed at registry "tests" (pipeline): place it at engine or group`,
	}},
	{"capabilities", `{
  "extensions": {
    "few": {"extension": "ratelimit", "config": {"events": 1, "every": "1s"}},
    "plenty": {"extension": "ratelimit", "config": {"events": 9, "every": "1s"}},
    "shipper": {"extension": "token", "config": {"subject": "s", "secret": "s", "lifetime": "1h"}},
    "odd": {"extension": "tokens"}
  },
  "groups": {
    "ci": {"extensions": {"areas": {"extension": "dataset", "config": {"sources": [{"name": "n", "entries": {}}]}}}},
    "ops": {
      "pipelines": {
        "requests": {
          "extensions": {"own": {"extension": "ratelimit", "config": {"events": 1, "every": "1s"}}},
          "nodes": {
            "none": {"type": "throttle"},
            "unknown": {"type": "throttle", "capabilities": {"limit": "fow"}},
            "other kind": {"type": "throttle", "capabilities": {"limit": "shipper"}},
            "too many": {"type": "throttle", "capabilities": {"limit": "own", "limits": "own"}},
            "elsewhere": {"type": "label", "capabilities": {"lookup": "areas"}},
            "half": {"type": "ship", "capabilities": {"credentials": "odd", "health": ""}}
          }
        },
        "packages": {
          "nodes": {"beside": {"type": "throttle", "capabilities": {"limit": "own"}}}
        }
      }
    }
  }
}`, []string{
		`6:26: there is no extension "tokens": did you mean "token"?`,
		`15:13: node "none", of type "throttle", needs "limit", which says whether one more may pass: name an instance for it under "capabilities": known are "few", "own", "plenty"`,
		`16:71: there is no instance "fow": did you mean "few"?`,
		`17:13: a node cannot be called "other kind": choose a short name without spaces`,
		`17:74: instance "shipper" of "token" exports no "limit": known are "few", "own", "plenty"`,
		`18:13: a node cannot be called "too many": choose a short name without spaces`,
		`18:79: a node of type "throttle" needs no "limits": did you mean "limit"?`,
		`19:71: instance "areas" is placed at group "ci", which is not seen from pipeline "requests": place it there, or broader`,
		`20:13: node "half", of type "ship", needs "limit", which says whether one more may pass: name an instance for it under "capabilities": known are "few", "own", "plenty"`,
		`20:87: there is no instance "": known are "shipper"`,
		`24:78: instance "own" is placed at pipeline "requests", which is not seen from pipeline "packages": place it there, or broader`,
	}},
	{"configurations", `{
  "extensions": {
    "a": {"extension": "token"},
    "b": {"extension": "token", "config": {"subject": 1, "secret": true, "lifetime": "soon", "tokens": "3"}},
    "c": {"extension": "token", "config": null},
    "d": {"extension": "token", "config": {"subject": "s", "secret": "s", "lifetime": 3600, "tokens": 1.5}},
    "e": {"extension": "ratelimit", "config": {"events": 0, "every": "1us"}},
    "f": {"extension": "ratelimit", "config": {"events": 1, "every": "-1s"}},
    "g": {"extension": "dataset", "config": {"sources": []}},
    "h": {"extension": "dataset", "config": {"sources": [
      {"name": "n"},
      {"name": "n", "entries": {}, "file": "f"},
      {"name": "m", "entries": {}, "every": "1s"},
      {"name": "o", "file": "f", "every": "-1s"}, {"name": "two words", "file": "f"}
    ]}},
    "i": {"extension": "dataset", "config": {"sources": [{"name": "n", "entries": {"a": 1, "b": null}}, {}, 3]}}
  },
  "groups": {"ci": {"pipelines": {"tests": {"nodes": {
    "alarm": {"type": "ship", "capabilities": {"credentials": "a", "health": "a", "limit": "e"}, "config": {"file": 1, "to": "x"}},
    "label": {"type": "label", "capabilities": {"lookup": "g"}, "config": {"x": 1}}
  }}}}}
}`, []string{
		`3:5: instance "a" of "token": its configuration is not valid: subject is empty: say whose token it is; secret is empty: give it the one of those who check; lifetime is 0s: give it a second or more`,
		`4:55: there is a number: give a text, in quotes`,
		`4:68: there is a bool: give a text, in quotes`,
		`4:86: "soon" is no time: write it as in "1m30s"`,
		`4:104: there is a string: give a whole number`,
		`5:43: there is null: leave it out, or give a value`,
		`6:87: there is a number: give a text, in quotes`,
		`6:103: there is a number 1.5: give a whole number`,
		`7:5: instance "e" of "ratelimit": its configuration is not valid: events is 0: let one or more pass; every is 1µs: give it a millisecond or more`,
		`8:5: instance "f" of "ratelimit": its configuration is not valid: every is -1s: give it a millisecond or more`,
		`9:5: instance "g" of "dataset": its configuration is not valid: there are no sources: name one or more`,
		`10:5: instance "h" of "dataset": its configuration is not valid: source "n" needs either entries or a file; two sources are called "n": give each a name of its own; source "n" needs either entries or a file; source "m" has no file that could be read every 1s: leave that out; every of source "o" is -1s: give it a millisecond or more; a source cannot be called "two words": choose a short name without spaces`,
		`16:89: there is a number: give a text, in quotes`,
		`16:97: there is null: leave it out, or give a value`,
		`16:109: give an object, in {}`,
		`19:117: there is a number: give a text, in quotes`,
		`19:120: nothing here is called "to": known are "file"`,
		`20:76: nothing here is called "x": there are none`,
	}},
}
