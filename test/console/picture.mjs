// Reads a PNG as browsers write it (8 bits a channel, not interlaced), and says how much light and dark differ in a part of it.
import { inflateSync } from "node:zlib";

let last;
function decode(png) {
    if (last?.png === png) return last;
    const width = png.readUInt32BE(16);
    const height = png.readUInt32BE(20);
    const channels = { 2: 3, 6: 4 }[png[25]];
    const parts = [];
    for (let at = 8; at < png.length; ) {
        const length = png.readUInt32BE(at);
        if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
        at += length + 12;
    }
    const raw = inflateSync(Buffer.concat(parts));
    const line = width * channels;
    const pixels = Buffer.alloc(line * height);
    for (let y = 0; y < height; y++) {
        const filter = raw[y * (line + 1)];
        const from = y * (line + 1) + 1;
        const to = y * line;
        for (let x = 0; x < line; x++) {
            const left = x >= channels ? pixels[to + x - channels] : 0;
            const up = y ? pixels[to + x - line] : 0;
            const corner = x >= channels && y ? pixels[to + x - line - channels] : 0;
            let guess = 0;
            if (filter === 1) guess = left;
            else if (filter === 2) guess = up;
            else if (filter === 3) guess = (left + up) >> 1;
            else if (filter === 4) {
                const p = left + up - corner;
                const [a, b, c] = [Math.abs(p - left), Math.abs(p - up), Math.abs(p - corner)];
                guess = a <= b && a <= c ? left : b <= c ? up : corner;
            }
            pixels[to + x] = raw[from + x] + guess;
        }
    }
    last = { png, width, height, channels, pixels };
    return last;
}

/** The difference of the lightest and the darkest pixel in a box, 0 to 255. */
export function contrast(png, box) {
    const { width, height, channels, pixels } = decode(png);
    let least = 255;
    let most = 0;
    for (let y = Math.max(0, Math.floor(box.y)); y < Math.min(height, box.y + box.height); y++)
        for (let x = Math.max(0, Math.floor(box.x)); x < Math.min(width, box.x + box.width); x++) {
            const at = (y * width + x) * channels;
            const light = Math.round(0.3 * pixels[at] + 0.6 * pixels[at + 1] + 0.1 * pixels[at + 2]);
            least = Math.min(least, light);
            most = Math.max(most, light);
        }
    return most - least;
}
