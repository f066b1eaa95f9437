// Who is logged in: what the page offers depends on it, what the server allows does not.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Data } from "./api";

export const SessionContext = createContext<Data>(null);

export function useMay(): { operate: boolean; produce: boolean } {
    const session = useContext(SessionContext);
    const write = !session.read_only && !session.standby;
    return { operate: write && session.may.operate, produce: write && session.may.produce };
}
