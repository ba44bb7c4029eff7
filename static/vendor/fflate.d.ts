export function unzipSync(
  data: Uint8Array,
  options: { filter: (file: { name: string; originalSize: number }) => boolean },
): Record<string, Uint8Array>;
