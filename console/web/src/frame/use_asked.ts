// A question to the console that a component shows: asked again when `key` changes, an older answer never wins.
import { useEffect, useState } from "preact/hooks";
import { get, type Answer } from "../api/http";
import type { Problem } from "../api/shapes";

export interface Asked<T> {
  value: T | null;
  problem: Problem | null;
  again: () => void;
}

export function useAsked<T>(path: string, key: string | number = "", everyMs = 0): Asked<T> {
  const [value, setValue] = useState<T | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let isCurrent = true;
    const take = (answer: Answer<T>): void => {
      if (!isCurrent) return;
      if (answer.ok) setValue(answer.value);
      setProblem(answer.ok ? null : answer.problem);
    };
    void get<T>(path).then(take);
    const timer = everyMs ? setInterval(() => void get<T>(path).then(take), everyMs) : undefined;
    return () => {
      isCurrent = false;
      clearInterval(timer);
    };
  }, [path, key, turn, everyMs]);
  return { value, problem, again: () => setTurn(turn + 1) };
}
