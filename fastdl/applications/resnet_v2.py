"""ResNet50V2, 101V2 and 152V2, whose blocks are in resnet.py; their pixels are scaled to -1 .. 1."""
from fastdl.applications.imagenet_utils import preprocessing
from fastdl.applications.resnet import resnet

ResNet50V2 = resnet(50, "V2", "3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917")
ResNet101V2 = resnet(101, "V2", "6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5")
ResNet152V2 = resnet(152, "V2", "a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33")
preprocess_input, decode_predictions = preprocessing("tf")
