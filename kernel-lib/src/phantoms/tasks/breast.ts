import { BREAST_MNIST } from "../../data/tasks/breast-mnist";
import { writeFileAtomic } from "../../store/files";
import { PHANTOM_VERSION, writeBreastArchive } from "../breast/phantom";
import type { PhantomTask } from "./phantom-task";

/** The stand-in for breastmnist.npz; the real one is small, so both sizes have its numbers. */
export const BREAST_TASK_PHANTOM: PhantomTask = {
  version: PHANTOM_VERSION,
  description:
    "Breast ultrasound drawn as a dark body on speckled tissue; 40 % malignant. The diagnosis only moves outline, aspect and shadow; device, side, density, zoom and letter dominate.",
  write: async ({ folder, seed }) => writeFileAtomic(`${folder}/${BREAST_MNIST.file}`, writeBreastArchive(seed)),
};
