import { classQuestion } from "./definition";
import { medMnistTask } from "./medmnist";

/** BreastMNIST: breast ultrasound, malignant against normal or benign (MedMNIST v2). */
export const BREAST_MNIST = medMnistTask({
  name: "breast-mnist",
  file: "breastmnist.npz",
  md5: {
    28: "750601b1f35ba3300ea97c75c52ff8f6",
    64: "742edef2a1fd1524b2efff4bd7ba9364",
    128: "363e4b3f8d712e9b5de15470a2aaadf1",
    224: "b56378a6eefa9fed602bb16d192d4c8b",
  },
  modality: "breast ultrasound",
  labels: [
    { index: 0, name: "malignant", answer: "0" },
    { index: 1, name: "normal, benign", answer: "1" },
  ],
  question: classQuestion("which class is this breast ultrasound ?", ["malignant", "normal , benign"]),
  channels: 1,
  replicaTraining: "profile", // the walkthrough: notebooks and grid share its results
  counts: { train: 546, validation: 78, test: 156 },
  card: {
    title: "BreastMNIST",
    description: "780 breast ultrasound pictures, 28 by 28 grey: malignant (27 %) against normal or benign.",
    licence: "CC BY 4.0",
    citation:
      "Yang et al., MedMNIST v2, Scientific Data 10, 41 (2023); pictures from Al-Dhabyani et al., Dataset of breast ultrasound images, Data in Brief 28 (2020).",
    obtain: "breastmnist.npz of MedMNIST v2 (Zenodo record 10519652); put it in data/raw/medmnist/.",
  },
});
