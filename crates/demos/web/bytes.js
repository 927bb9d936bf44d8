// From bytes to what they say: HTTP heads, chunks, events of a stream, WebSocket frames.
//
// The server's tap records pieces as they cross a socket, and cuts long ones off after 2 KiB. A piece is
// not a unit: a head and the first chunk often come in one, a long answer in several. So the bytes of each
// connection and direction are put together again and taken apart by the rules of the protocol.

const text = new TextDecoder();
const latin1 = new TextDecoder("latin1");

/** The names of the frame kinds that RFC 6455 gives a number (section 5.2). */
const OPCODES = { 0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong" };

/**
 * A unit is one thing that one side said:
 *
 *   { n, lane, connection, direction, at_ns, kind, length, bytes, holes, rows, sizes, … }
 *
 * `kind` is `request`, `response`, `chunk`, `frame` or `bytes` (what could not be understood). `rows` are
 * its parts in order, `{ kind, from, to, segments }`, whose segments say for each byte whether it belongs
 * to a `head`, to `framing` or to a `message`; `sizes` adds these up. `holes` were not recorded.
 *
 * @returns {{ enter(record: object): object[], forget(): void }}
 */
export function decoder() {
  const connections = new Map();
  // The headers of the last head of each lane and direction, to tell what is said over and over.
  const heads = new Map();
  let units = 0;

  function enter(record) {
    const key = record.connection;
    if (!connections.has(key)) {
      connections.set(key, { in: stream("head"), out: stream("head") });
      // Connections that were closed are not announced; no browser keeps so many open.
      if (connections.size > 64) connections.delete(connections.keys().next().value);
    }
    const connection = connections.get(key);
    const side = connection[record.direction];
    side.append(record);
    const found = [];
    while (side.bytes.length > 0) {
      const unit = read(side, record.direction);
      if (!unit) break;
      if (unit.becomes) connection.in.mode = connection.out.mode = unit.becomes;
      units += 1;
      found.push({ n: units, connection: key, direction: record.direction, ...unit, sizes: add(unit) });
    }
    return found;
  }

  /** The next unit of a stream; `undefined` when more bytes are needed. */
  function read(side, direction) {
    switch (side.mode) {
      case "chunks":
        return readChunk(side);
      case "frames":
        return readFrame(side);
      default:
        return readHead(side, direction);
    }
  }

  function readHead(side, direction) {
    const guessed = guess(side);
    if (guessed) {
      side.mode = guessed;
      return read(side, direction);
    }
    const pattern = direction === "in" ? /^([A-Z]+) (\S+) HTTP\/1\.\d$/ : /^HTTP\/1\.\d (\d{3})(?: .*)?$/;
    const end = side.find("\r\n\r\n");
    if (end < 0) return side.isWhole("head") ? undefined : side.raw();
    const lines = latin1.decode(side.bytes.subarray(0, end)).split("\r\n");
    const start = lines[0].match(pattern);
    if (!start) return side.raw();

    const rows = [];
    let at = 0;
    const headers = new Map();
    const key = `${side.lane} ${direction}`;
    const before = heads.get(key) ?? new Map();
    for (const line of lines) {
      const kind = at > 0 ? "header" : direction === "in" ? "request_line" : "status_line";
      const row = part(kind, at, at + line.length + 2, "head");
      if (kind === "header") {
        const colon = line.indexOf(":");
        row.name = line.slice(0, colon);
        const value = line.slice(colon + 1).trim();
        headers.set(row.name.toLowerCase(), value);
        row.same = before.get(row.name.toLowerCase()) === value;
      }
      rows.push(row);
      at += line.length + 2;
    }
    rows.push(part("head_end", at, at + 2, "head"));
    heads.set(key, headers);

    const unit = { kind: direction === "in" ? "request" : "response", rows };
    const length = Number(headers.get("content-length") ?? 0);
    if (direction === "in") {
      [, unit.method, unit.target] = start;
      // What follows a request to upgrade is frames, if the server agrees; else there is another head.
      if (headers.get("upgrade")?.toLowerCase() === "websocket") side.mode = "frames";
    } else {
      unit.status = Number(start[1]);
      if (unit.status === 101) unit.becomes = "frames";
      else if (headers.get("transfer-encoding") === "chunked") unit.becomes = "chunks";
      unit.streams = unit.becomes !== undefined;
    }
    const whole = end + 4 + length;
    if (side.bytes.length < whole) {
      heads.set(key, before);
      return undefined;
    }
    if (length > 0) rows.push(readBody(side, end + 4, whole, unit));
    // The other direction of a connection that streams goes on with heads, or never says a word again.
    if (unit.becomes === "chunks") {
      side.mode = "chunks";
      delete unit.becomes;
    }
    return side.take(whole, unit);
  }

  /** The body of an answer: an envelope of JSON around messages. */
  function readBody(side, from, to, unit) {
    const row = part("body", from, to, "framing");
    const body = latin1.decode(side.bytes.subarray(from, to));
    const opening = '"messages":[';
    const start = body.indexOf(opening);
    if (start >= 0) {
      const first = from + start + opening.length;
      row.segments = split([from, "framing"], [first, "message"], [to - 2, "framing"], [to]);
      // A feed numbers without holes, so the first and the cursor tell all, even of a body cut off.
      const seq = Number(body.match(/\{"seq":(\d+)/)?.[1]);
      const last = Number(body.match(/"cursor":"[^"]*-(\d+)"/)?.[1]);
      unit.messages = seq <= last ? Array.from({ length: last - seq + 1 }, (_, at) => seq + at) : [];
    }
    return row;
  }

  function readChunk(side) {
    const line = side.find("\r\n");
    if (line < 0) return side.bytes.length < 18 ? undefined : side.raw();
    const digits = latin1.decode(side.bytes.subarray(0, line));
    if (!/^[0-9a-f]+$/i.test(digits)) return side.raw();
    const size = parseInt(digits, 16);
    const from = line + 2;
    const whole = from + size + 2;
    if (side.bytes.length < whole) return undefined;
    const unit = { kind: "chunk", size, messages: [], fields: [] };
    unit.rows = [part("chunk_size", 0, from, "framing")];
    if (size === 0) {
      unit.fields.push("end");
      side.mode = "head";
    } else {
      readEvents(side, from, from + size, unit);
    }
    unit.rows.push(part(size === 0 ? "chunk_last" : "chunk_end", from + size, whole, "framing"));
    return side.take(whole, unit);
  }

  /** The lines of an event stream within a chunk. */
  function readEvents(side, from, to, unit) {
    let event = "message";
    let at = from;
    while (at < to) {
      const found = side.bytes.indexOf(10, at);
      const end = found < 0 || found >= to ? to : found + 1;
      const line = text.decode(side.bytes.subarray(at, end)).trimEnd();
      const name = line === "" ? "end" : line.startsWith(":") ? "comment" : line.slice(0, line.indexOf(":"));
      const row = part(`event_${name}`, at, end, "framing");
      if (name === "event") event = line.slice(7);
      if (name === "data" && event === "message") {
        const value = at + (line.startsWith("data: ") ? 6 : 5);
        row.segments = split([at, "framing"], [value, "message"], [end - 1, "framing"], [end]);
        const seq = line.match(/\{"seq":(\d+)/);
        if (seq) unit.messages.push(Number(seq[1]));
      }
      if (name === "end") event = "message";
      else unit.fields.push(name);
      unit.rows.push(row);
      at = end;
    }
  }

  function readFrame(side) {
    const { bytes } = side;
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 0x7f;
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const masked = (bytes[1] & 0x80) !== 0;
    const header = 2 + extended + (masked ? 4 : 0);
    if (bytes.length < header) return undefined;
    // It began where the last piece was cut off.
    if (side.holes[0]?.from < header) return side.raw();
    let length = short;
    if (extended > 0) {
      length = 0;
      for (let at = 2; at < 2 + extended; at += 1) length = length * 256 + bytes[at];
    }
    const whole = header + length;
    if (bytes.length < whole) return undefined;

    const opcode = bytes[0] & 0x0f;
    const key = masked ? bytes.slice(header - 4, header) : undefined;
    const begins = unmask(bytes.subarray(header, Math.min(whole, header + 64)), key);
    const says = opcode === 1 ? text.decode(begins) : "";
    const seq = says.match(/^\{"seq":(\d+)/);
    const unit = {
      kind: "frame",
      header,
      says,
      frame: {
        fin: bytes[0] >> 7,
        rsv1: (bytes[0] >> 6) & 1,
        rsv2: (bytes[0] >> 5) & 1,
        rsv3: (bytes[0] >> 4) & 1,
        opcode,
        name: OPCODES[opcode],
        mask: bytes[1] >> 7,
        short,
        extended,
        length,
        key,
      },
      messages: seq ? [Number(seq[1])] : [],
      rows: [part("frame_header", 0, header, "framing")],
    };
    if (length > 0) unit.rows.push(part("frame_payload", header, whole, seq ? "message" : "framing"));
    return side.take(whole, unit);
  }

  return {
    enter,
    /** After records were dropped: what comes next may begin in the middle. */
    forget() {
      connections.clear();
      heads.clear();
    },
  };
}

/** What a stream carries that begins in the middle, since what was before it was dropped. */
function guess({ bytes }) {
  // A letter or a digit has its highest bit off, and the FIN bit of a frame is on.
  if (bytes[0] & 0x80) return "frames";
  return /^[0-9a-f]+\r\n/.test(latin1.decode(bytes.subarray(0, 18))) ? "chunks" : undefined;
}

/** The bytes of one direction of a connection that are not understood yet. */
function stream(mode) {
  return {
    mode,
    bytes: new Uint8Array(),
    // Where bytes are that were not recorded, and where each piece began.
    holes: [],
    pieces: [],
    get lane() {
      return this.pieces[0].lane;
    },
    append({ lane, at_ns, length, bytes }) {
      const kept = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
      const start = this.bytes.length;
      const all = new Uint8Array(start + length);
      all.set(this.bytes);
      all.set(kept, start);
      if (kept.length < length) this.holes.push({ from: start + kept.length, to: start + length });
      this.pieces.push({ from: start, lane, at_ns });
      this.bytes = all;
    },
    find(pattern) {
      const place = latin1.decode(this.bytes.subarray(0, 65_536)).indexOf(pattern);
      return place >= 0 && !this.holes.some(({ from }) => from < place) ? place : -1;
    },
    /** Whether more bytes may still make a unit of these: a head that does not begin as one never will. */
    isWhole() {
      const start = latin1.decode(this.bytes.subarray(0, 4));
      return this.holes.length === 0 && this.bytes.length < 65_536 && /^[A-Z]{3}|^HTTP/.test(start);
    },
    take(length, unit) {
      const [{ lane, at_ns }] = this.pieces;
      const within = ({ from, to }) => ({ from: Math.max(0, from), to: Math.min(length, to) });
      const holes = this.holes.filter(({ from }) => from < length).map(within);
      // A unit is kept for a while, so what is missing at its end takes no room.
      const known = holes.at(-1)?.to === length ? holes.at(-1).from : length;
      const taken = {
        ...unit,
        lane,
        at_ns,
        length,
        bytes: this.bytes.slice(0, known),
        holes,
      };
      this.bytes = this.bytes.slice(length);
      const shifted = ({ from, to }) => ({ from: Math.max(0, from - length), to: to - length });
      this.holes = this.holes.map(shifted).filter(({ to }) => to > 0);
      // The piece in which the next unit begins, if any of it is left.
      const current = this.bytes.length > 0 && this.pieces.findLast(({ from }) => from <= length);
      this.pieces = this.pieces
        .filter((piece) => piece === current || piece.from > length)
        .map((piece) => ({ ...piece, from: Math.max(0, piece.from - length) }));
      return taken;
    },
    /** All there is, not understood. */
    raw() {
      const { length } = this.bytes;
      return this.take(length, { kind: "bytes", rows: [part("unknown", 0, length, "framing")], messages: [] });
    },
  };
}

function part(kind, from, to, category) {
  return { kind, from, to, segments: [{ category, from, to }] };
}

/** Segments from where each begins: `split([0, "framing"], [6, "message"], [90])`. */
function split(...places) {
  return places.slice(0, -1).map(([from, category], at) => ({ category, from, to: places[at + 1][0] }));
}

function add({ rows }) {
  const sizes = { head: 0, framing: 0, message: 0 };
  for (const { segments } of rows) {
    for (const { category, from, to } of segments) sizes[category] += to - from;
  }
  return sizes;
}

/** The payload of a frame as far as it was recorded, as it was before the browser masked it. */
export function payloadOf({ bytes, holes, header, length, frame }) {
  return unmask(bytes.subarray(header, holes[0]?.from ?? length), frame.key);
}

function unmask(bytes, key) {
  return key ? bytes.map((byte, at) => byte ^ key[at % 4]) : bytes;
}

/** The text of a part; what was not recorded of it is `…`. */
export function textOf({ bytes, holes }, { from, to }) {
  const hole = holes.find((one) => one.from < to && one.to > from);
  if (!hole) return text.decode(bytes.subarray(from, to));
  return `${text.decode(bytes.subarray(from, Math.max(from, hole.from)))}…`;
}
