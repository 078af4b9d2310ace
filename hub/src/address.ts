// Decides what HOST:PORT says, and whether it is of this machine only. Never opens one.

const LOOPBACK = /^(127(\.[0-9]{1,3}){3}|localhost|\[::1\])$/;

export interface HostPort {
  /** As one types it: an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: number;
}

export function splitAddress(address: string): HostPort {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
}

export const isLoopback = (host: string): boolean => LOOPBACK.test(host);
