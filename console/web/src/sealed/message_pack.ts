// As much of MessagePack as a sealed box has: maps, lists, texts, bytes, small numbers. Anything else is no box.

export type Packed = string | number | Uint8Array | Packed[] | { [name: string]: Packed };

const DEPTH_MAX = 8;

export function unpack(bytes: Uint8Array): Packed {
  const reader = new Reader(bytes);
  const found = reader.value(0);
  if (!reader.isDone) throw new TypeError("more than one value");
  return found;
}

class Reader {
  private at = 0;
  private readonly view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isDone(): boolean {
    return this.at === this.bytes.length;
  }

  value(depth: number): Packed {
    if (depth > DEPTH_MAX) throw new TypeError("too deep");
    const first = this.number(1);
    if (first < 0x80) return first;
    if (first < 0x90) return this.map(first & 0x0f, depth);
    if (first < 0xa0) return this.list(first & 0x0f, depth);
    if (first < 0xc0) return this.text(first & 0x1f);
    return this.long(first, depth);
  }

  private long(first: number, depth: number): Packed {
    switch (first) {
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.take(this.number(1 << (first - 0xc4)));
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.number(1 << (first - 0xcc));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.number(1 << (first - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.list(this.number(first === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.map(this.number(first === 0xde ? 2 : 4), depth);
      default:
        throw new TypeError("not a kind that a box has");
    }
  }

  private number(size: number): number {
    if (this.at + size > this.bytes.length) throw new TypeError("cut short");
    const at = this.at;
    this.at += size;
    return size === 1 ? this.view.getUint8(at) : size === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  private take(size: number): Uint8Array {
    if (this.at + size > this.bytes.length) throw new TypeError("cut short");
    this.at += size;
    return this.bytes.slice(this.at - size, this.at);
  }

  private text(size: number): string {
    return new TextDecoder("utf-8", { fatal: true }).decode(this.take(size));
  }

  private list(size: number, depth: number): Packed[] {
    const found: Packed[] = [];
    for (let n = 0; n < size; n++) found.push(this.value(depth + 1));
    return found;
  }

  private map(size: number, depth: number): Packed {
    const found: { [name: string]: Packed } = Object.create(null) as { [name: string]: Packed };
    for (let n = 0; n < size; n++) found[String(this.value(depth + 1))] = this.value(depth + 1);
    return found;
  }
}
